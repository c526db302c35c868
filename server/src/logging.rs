//! The log: to stderr, for people or as JSON. Nothing secret is ever handed to it.

use tracing_subscriber::EnvFilter;

/// What is logged unless `DIALTONE_LOG` says otherwise.
const FILTER: &str = "info,sqlx=warn,tide=warn,hyper=warn";

/// Starts the log of the process. A second call changes nothing.
pub fn start(json: bool) {
    let filter = EnvFilter::try_from_env("DIALTONE_LOG").unwrap_or_else(|_| EnvFilter::new(FILTER));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if json {
        log.json().try_init()
    } else {
        log.with_target(false).try_init()
    };
    if started.is_err() {
        tracing::debug!("the log had been started");
    }
}
