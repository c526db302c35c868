//! What the program does: serve, invite, and the texts for shells and manuals.

use std::fmt;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use async_channel::Receiver;
use clap::CommandFactory;
use dialtone_protocol::crypto::password::KdfParams;
use dialtone_protocol::hub::Config;
use dialtone_protocol::runtime::{Observer, Runtime};
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_runtime_smol::Smol;
use dialtone_runtime_tokio::Tokio;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{info, warn};

use crate::cli::{Cli, Command, RuntimeName};
use crate::home::{self, Home, HomeError};
use crate::ice;
use crate::invite::{invite, is_founded};
use crate::logging;
use crate::serve::{ServeError, Setup, serve};
use crate::settings::{Settings, SettingsError};
use crate::store::{OpenError, Sharing, Store, open};
use dialtone_protocol::hub::store::StoreError;

/// Why the program failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// The data directory.
    Home(HomeError),
    /// The system refused something.
    Io(String),
    /// The store cannot be opened.
    Open(OpenError),
    /// The server.
    Serve(ServeError),
    /// The settings.
    Settings(SettingsError),
    /// The store.
    Store(StoreError),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Home(error) => error.fmt(f),
            Self::Io(why) => f.write_str(why),
            Self::Open(error) => error.fmt(f),
            Self::Serve(error) => error.fmt(f),
            Self::Settings(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RunError {}

macro_rules! run_error_from {
    ($($name:ident($error:ty);)*) => {$(
        impl From<$error> for RunError {
            fn from(error: $error) -> Self {
                Self::$name(error)
            }
        }
    )*};
}

run_error_from! {
    Home(HomeError);
    Open(OpenError);
    Serve(ServeError);
    Settings(SettingsError);
    Store(StoreError);
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// Does what the command line asks for.
///
/// # Errors
///
/// When it cannot be done.
pub fn run(cli: Cli) -> Result<(), RunError> {
    match cli.command {
        Some(Command::Completions { shell }) => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "dialtone-server",
                &mut io::stdout(),
            );
            Ok(())
        }
        Some(Command::Man) => {
            clap_mangen::Man::new(Cli::command()).render(&mut io::stdout())?;
            Ok(())
        }
        Some(Command::Invite) => {
            logging::start(cli.flags.log_json);
            let (home, settings, _) = prepare(cli)?;
            match settings.runtime {
                RuntimeName::Smol => {
                    Smol::run(ONE, |runtime| print_invite(runtime, home, settings))?
                }
                RuntimeName::Tokio => {
                    Tokio::run(ONE, |runtime| print_invite(runtime, home, settings))?
                }
            }
        }
        None => {
            logging::start(cli.flags.log_json);
            let (home, settings, made) = prepare(cli)?;
            let _lock = home.lock()?;
            let stop = signals()?;
            let cores = thread::available_parallelism().unwrap_or(ONE);
            let started = Started {
                home,
                settings,
                made,
                cores,
            };
            match started.settings.runtime {
                RuntimeName::Smol => Smol::run(cores, |runtime| started.serve(runtime, stop))?,
                RuntimeName::Tokio => Tokio::run(cores, |runtime| started.serve(runtime, stop))?,
            }
        }
    }
}

const ONE: NonZero<usize> = NonZero::<usize>::MIN;

/// Opens the data directory and reads the settings. Says whether it made the secrets.
fn prepare(cli: Cli) -> Result<(Home, Settings, bool), RunError> {
    let home = Home::open(cli.flags.data_dir.as_deref())?;
    let (secrets, made) = home.secrets(random)?;
    let file = home::read_optional(&home.settings_file())?;
    let settings = Settings::resolve(cli.flags, file.as_deref(), secrets, &home)?;
    Ok((home, settings, made))
}

#[expect(
    clippy::expect_used,
    reason = "without randomness nothing safe can be done"
)]
fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// Says something when the process is told to end. Told twice, it ends at once.
fn signals() -> Result<Receiver<()>, RunError> {
    let (stop, stopped) = async_channel::bounded(1);
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for _signal in &mut signals {
                if stop.try_send(()).is_err() {
                    std::process::exit(1);
                }
            }
        })?;
    Ok(stopped)
}

async fn print_invite<R: Runtime>(
    runtime: R,
    home: Home,
    settings: Settings,
) -> Result<(), RunError> {
    let store = open(
        &settings.database,
        settings.channel_key.as_ref(),
        Sharing::Beside,
    )
    .await?;
    let url = match (&settings.public_url, home.recorded_url()?) {
        (None, Some(recorded)) => recorded,
        _ => settings.url(settings.listen),
    };
    let link = invite(&*store, &url, runtime.seed(), runtime.unix_millis()).await?;
    store.close().await;
    writeln!(io::stdout(), "{link}")?;
    Ok(())
}

/// A server that is about to serve.
struct Started {
    home: Home,
    settings: Settings,
    /// Whether its secrets are new.
    made: bool,
    cores: NonZero<usize>,
}

impl Started {
    async fn serve<R: Runtime>(self, runtime: R, stop: Receiver<()>) -> Result<(), RunError> {
        let settings = &self.settings;
        for doubt in ice::doubts(&settings.ice) {
            warn!("{doubt}");
        }
        let store = open(
            &settings.database,
            settings.channel_key.as_ref(),
            Sharing::Alone,
        )
        .await?;
        let setup = Setup {
            listen: settings.listen,
            tls: settings.tls.clone(),
            config: Config {
                pepper: Sensitive::new(settings.secrets.username_pepper.clone()),
                admin_token: Sensitive::new(settings.secrets.admin_token.clone()),
                compat: settings.compat,
                ice: settings.ice.clone(),
                password_cost: KdfParams::SERVER,
            },
            store: Arc::clone(&store),
            cores: self.cores,
            observer: Observer::default(),
        };
        let founding = Self::founding_invite(&runtime, &*store).await?;
        let record = |address| {
            let url = settings.url(address);
            if let Err(error) = self.home.record_url(&url) {
                warn!(%error, "`dialtone-server invite` will not know the address");
            }
            url
        };
        // Written down before anybody can connect, unless the system is to pick the port.
        if settings.listen.port() != 0 {
            record(settings.listen);
        }
        let listening = |address| {
            let url = record(address);
            info!(%address, %url, data = %self.home.dir().display(), "serving");
            if let Some(token_path) = founding {
                let made = self.made.then(|| self.home.dir());
                announce(&format!("{url}{token_path}"), made);
            }
        };
        serve(runtime, setup, listening, stop).await?;
        Ok(())
    }

    /// The founding link without its address, while nobody has founded: an earlier start may have failed before it
    /// could print one.
    async fn founding_invite<R: Runtime>(
        runtime: &R,
        store: &dyn Store,
    ) -> Result<Option<String>, RunError> {
        if is_founded(store).await? {
            return Ok(None);
        }
        let link = invite(store, "", runtime.seed(), runtime.unix_millis()).await?;
        Ok(Some(link))
    }
}

/// Tells the host how to found: the link on stdout, for programs, the rest on stderr, with what was made where.
fn announce(link: &str, made: Option<&Path>) {
    let made = made.map_or_else(String::new, |dir| {
        format!("Secrets and database were made in {}\n", dir.display())
    });
    let told = writeln!(
        io::stderr(),
        "{made}Open this link with `dialtone` to found the community:"
    );
    if told
        .and_then(|()| writeln!(io::stdout(), "{link}"))
        .is_err()
    {
        warn!("the founding link could not be printed; `dialtone-server invite` makes another");
    }
}
