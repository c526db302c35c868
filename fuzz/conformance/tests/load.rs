//! The load generator against the real server: what it counts is what happens.

#![expect(clippy::unwrap_used, reason = "in a test a failure ends the test")]

use std::net::SocketAddr;
use std::num::NonZero;
use std::time::Duration;

use dialtone_conformance::base::{Access, Address, BaseError};
use dialtone_conformance::load::{self, Mode, Plan, Report};
use dialtone_protocol::crypto::password::KdfParams;
use dialtone_protocol::hub::{Config, Ice};
use dialtone_protocol::runtime::{Observer, Runtime};
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_runtime_smol::Smol;
use dialtone_runtime_tokio::Tokio;
use dialtone_server::serve::{Setup, serve};
use dialtone_server::settings::Database;
use dialtone_server::store;

const TWO: NonZero<usize> = NonZero::new(2).unwrap();
const RECEIVERS: usize = 20;

#[test]
fn everything_arrives_once_and_in_order_on_smol() {
    let closed = Mode::Closed { window: 4 };
    let report = Smol::run(TWO, |runtime| measure(runtime, "admin", closed))
        .unwrap()
        .unwrap();
    check(&report);
}

#[test]
fn everything_arrives_once_and_in_order_on_tokio() {
    let paced = Mode::Paced { rate: 100 };
    let report = Tokio::run(TWO, |runtime| measure(runtime, "admin", paced))
        .unwrap()
        .unwrap();
    check(&report);
}

#[test]
fn a_refusal_is_named() {
    let refused = Smol::run(TWO, |runtime| measure(runtime, "wrong", Mode::Idle)).unwrap();
    assert!(matches!(
        refused,
        Err(BaseError::Refused { status: 401, .. })
    ));
}

fn check(report: &Report) {
    assert!(report.is_whole(), "{report}");
    assert!(report.sent > 10, "{report}");
    assert_eq!(report.stored, report.sent);
    assert_eq!(report.deliveries, report.sent * RECEIVERS as u64);
    assert_eq!(report.orders, 1);
}

/// Starts a server on SQLite and puts some load on it.
async fn measure<R: Runtime>(
    runtime: R,
    admin_token: &str,
    mode: Mode,
) -> Result<Report, BaseError> {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(folder.path().join("db"));
    let setup = Setup {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: None,
        config: Config {
            pepper: Sensitive::new("pepper"),
            admin_token: Sensitive::new("admin"),
            compat: true,
            ice: Ice::default(),
            password_cost: KdfParams::FLOOR,
        },
        store: store::open(&database, None, store::Sharing::Alone)
            .await
            .unwrap(),
        cores: TWO,
        observer: Observer::default(),
    };
    let (stop, stopped) = async_channel::bounded(1);
    let (listening, address) = async_channel::bounded(1);
    runtime.spawn({
        let runtime = runtime.clone();
        async move {
            let told = |address| listening.try_send(address).unwrap();
            serve(runtime, setup, told, stopped).await.unwrap();
        }
    });
    let address = address.recv().await.unwrap();
    let plan = Plan {
        server: Address::resolve(&format!("http://{address}"))?,
        access: Access::AdminToken(admin_token.to_owned()),
        channel: None,
        receivers: RECEIVERS,
        // More users than one.
        per_user: 15,
        senders: 3,
        mode,
        span: Duration::from_secs(1),
        limit: 200,
        body_bytes: 200,
        patience: Duration::from_secs(20),
        server_pid: None,
    };
    let report = load::run(runtime, plan).await;
    drop(stop);
    report
}
