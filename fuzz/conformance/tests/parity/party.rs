//! The parties of the conversation: the real server library over the store in memory, and the real client library.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_channel::Sender;
use dialtone_client::account::{Account, Newcomer, Options, Report};
use dialtone_client::home::Home;
use dialtone_client::secrets::Passphrase;
use dialtone_protocol::client::{Client, Event};
use dialtone_protocol::crypto::password::KdfParams;
use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::store::{Answer, Op, StoreError};
use dialtone_protocol::hub::{Config, Ice};
use dialtone_protocol::runtime::{Observer, Runtime};
use dialtone_protocol::time::Instant;
use dialtone_protocol::wire::link::Link;
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_server::invite::invite;
use dialtone_server::serve::{Setup, serve};
use dialtone_server::store::Store;
use futures_util::future::BoxFuture;

use crate::scripted::Scripted;
use crate::world::World;

/// How long, on the scripted clock, anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an engine put out, in order.
#[derive(Clone, Default)]
pub(crate) struct Outputs(Arc<Mutex<Vec<String>>>);

impl Outputs {
    fn observer<O: Debug + 'static>(&self) -> Observer<O> {
        let outputs = self.clone();
        Observer::new(move |output| outputs.0.lock().unwrap().push(format!("{output:?}")))
    }

    pub(crate) fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The reference store behind the server's port: it has no threads of its own, which the world could not see.
#[derive(Debug, Default)]
struct Memory(Mutex<MemoryStore>);

impl Store for Memory {
    fn write(&self, ops: Vec<Op>) -> BoxFuture<'_, Vec<Result<Answer, StoreError>>> {
        let mut store = self.0.lock().unwrap();
        let answers = ops.into_iter().map(|op| store.apply(op)).collect();
        Box::pin(std::future::ready(answers))
    }

    fn read(&self, op: Op) -> BoxFuture<'_, Result<Answer, StoreError>> {
        let answer = self.0.lock().unwrap().apply(op);
        Box::pin(std::future::ready(answer))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The server. It ends when this is dropped.
pub(crate) struct Server {
    pub(crate) outputs: Outputs,
    pub(crate) founding_link: String,
    _stop: Sender<()>,
}

impl Server {
    pub(crate) async fn start<R: Runtime>(inner: R, world: &World, listen: SocketAddr) -> Self {
        let runtime = Scripted::new(inner, world.clone(), "server");
        let store: Arc<dyn Store> = Arc::new(Memory::default());
        let url = format!("http://{listen}");
        let founding_link = invite(&*store, &url, runtime.seed(), runtime.unix_millis())
            .await
            .unwrap();
        let outputs = Outputs::default();
        let setup = Setup {
            listen,
            tls: None,
            config: Config {
                pepper: Sensitive::new("pepper"),
                admin_token: Sensitive::new("token"),
                compat: true,
                ice: Ice::default(),
                password_cost: KdfParams::FLOOR,
            },
            store,
            cores: NonZero::<usize>::MIN,
            observer: outputs.observer(),
        };
        let (stop, stopped) = async_channel::bounded(1);
        runtime.spawn({
            let runtime = runtime.clone();
            async move { serve(runtime, setup, |_| (), stopped).await.unwrap() }
        });
        world.settle();
        Self {
            outputs,
            founding_link,
            _stop: stop,
        }
    }
}

/// Somebody with an account.
pub(crate) struct Person<R: Runtime> {
    account: Account<Scripted<R>>,
    world: World,
    pub(crate) outputs: Outputs,
    _home: tempfile::TempDir,
}

impl<R: Runtime> Person<R> {
    /// Makes the account and connects it.
    pub(crate) async fn enter(inner: R, world: &World, name: &'static str, link: &str) -> Self {
        let runtime = Scripted::new(inner, world.clone(), name);
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path().to_owned())).unwrap();
        let link = Link::parse(link).unwrap();
        let dir = home.account(&link.url.parse().unwrap(), name);
        let lock = dir.try_lock().unwrap();
        let newcomer = Newcomer {
            link,
            username: name.into(),
            password: Passphrase::new("password-1".into()),
            passphrase: Passphrase::new("passphrase-1".into()),
            found: false,
        };
        let outputs = Outputs::default();
        let options = Options {
            observer: outputs.observer(),
            ..Options::default()
        };
        let account = Account::create(&runtime, &home, &dir, lock, newcomer, &options)
            .await
            .unwrap();
        let person = Self {
            account,
            world: world.clone(),
            outputs,
            _home: folder,
        };
        person.with(Client::connect).await;
        person
    }

    pub(crate) async fn with<T: Send + 'static>(
        &self,
        visit: impl FnOnce(&mut Client, Instant) -> T + Send + 'static,
    ) -> T {
        self.account.with(visit).await.expect("the account runs")
    }

    /// Lets the world go on until `goal` gives something.
    pub(crate) async fn until<T: Send + 'static>(
        &self,
        what: &str,
        goal: impl Fn(&Client) -> Option<T> + Clone + Send + 'static,
    ) -> T {
        let start = self.world.now();
        loop {
            self.world.settle();
            let goal = goal.clone();
            if let Some(reached) = self.with(move |client, _| goal(client)).await {
                return reached;
            }
            assert!(
                self.world.now() - start < PATIENCE,
                "{what} does not happen: {:?}",
                self.reports()
            );
            self.world.pass_time();
        }
    }

    /// Makes a link by which somebody can join.
    pub(crate) async fn invite(&self) -> String {
        self.with(|client, now| client.create_invite(now).unwrap())
            .await;
        for _ in 0..100 {
            self.world.settle();
            for report in self.reports() {
                if let Report::Event(Event::InviteReady { link, .. }) = report {
                    return link;
                }
            }
            self.world.pass_time();
        }
        panic!("no invite is made")
    }

    fn reports(&self) -> Vec<Report> {
        std::iter::from_fn(|| self.account.reports().try_recv().ok()).collect()
    }
}
