//! SQLite and PostgreSQL answer every sequence of operations as the reference store in memory does.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

#[path = "support/ops.rs"]
mod ops;
#[path = "support/port.rs"]
mod port;
#[path = "support/postgres.rs"]
mod postgres;

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::store::{Answer, Op, StoreError};
use dialtone_protocol::ids::{ServerId, StoreId, UserId};
use dialtone_protocol::time::UnixMillis;
use dialtone_runtime_smol::Smol;
use dialtone_runtime_tokio::Tokio;
use dialtone_server::settings::{ChannelKey, Database};
use dialtone_server::store::{OpenError, Sharing, Store, open};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use ops::{Sketch, World};
use postgres::Postgres;

const ONE: NonZero<usize> = NonZero::<usize>::MIN;

#[test]
fn sqlite_answers_as_memory_does() {
    agree(32, |_| {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("test.db"));
        (database, None, Some(dir))
    });
}

#[test]
fn sqlite_sealed_at_rest_answers_as_memory_does() {
    agree(16, |_| {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir.path().join("test.db"));
        (database, Some(ChannelKey([7; 32])), Some(dir))
    });
}

#[test]
fn postgres_answers_as_memory_does() {
    let postgres = Postgres::start();
    agree(16, |case| {
        let url = postgres.create(&format!("case_{case}"));
        (Database::Postgres(url), None, None::<()>)
    });
}

/// Runs random operations on both, one at a time and in groups, and compares every answer.
fn agree<T>(cases: u32, fresh: impl Fn(u32) -> (Database, Option<ChannelKey>, Option<T>)) {
    let config = Config {
        cases,
        max_shrink_iters: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let case = std::cell::Cell::new(0);
    let groups = vec(vec(any::<Sketch>(), 1..8), 1..24);
    let result = TestRunner::new(config).run(&groups, |groups| {
        case.set(case.get() + 1);
        let (database, key, _kept) = fresh(case.get());
        let compare = compare(database, key, groups);
        // Each runtime in turn.
        if case.get().is_multiple_of(2) {
            Smol::run(ONE, |_| compare).unwrap()
        } else {
            Tokio::run(ONE, |_| compare).unwrap()
        }
    });
    result.unwrap_or_else(|error| {
        panic!(
            "{}",
            error.to_string().split("minimal failing").next().unwrap()
        )
    });
}

async fn compare(
    database: Database,
    key: Option<ChannelKey>,
    groups: Vec<Vec<Sketch>>,
) -> Result<(), TestCaseError> {
    let store = open(&database, key.as_ref(), Sharing::Alone).await.unwrap();
    let (mut memory, mut world) = (MemoryStore::new(), World::default());
    for group in groups {
        let mut writes = Vec::new();
        let mut expected = Vec::new();
        for sketch in group {
            let op = world.op(sketch);
            if op.is_write() {
                let answer = memory.apply(op.clone()).unwrap();
                world.answered(&op, &answer);
                expected.push(sorted(answer));
                writes.push(op);
            } else {
                written(&*store, &mut writes, &mut expected).await?;
                let theirs = memory.apply(op.clone()).unwrap();
                let ours = store.read(op.clone()).await.unwrap();
                prop_assert_eq!(sorted(ours), sorted(theirs), "{:?}", op);
            }
        }
        written(&*store, &mut writes, &mut expected).await?;
    }
    store.close().await;
    Ok(())
}

/// Carries out a group of writes and compares what they answered.
async fn written(
    store: &dyn Store,
    writes: &mut Vec<Op>,
    expected: &mut Vec<Answer>,
) -> Result<(), TestCaseError> {
    let ops = std::mem::take(writes);
    let answers = store.write(ops.clone()).await;
    for ((op, ours), theirs) in ops.iter().zip(answers).zip(std::mem::take(expected)) {
        prop_assert_eq!(sorted(ours.unwrap()), theirs, "{:?}", op);
    }
    Ok(())
}

/// Brings into one order what may come in any.
fn sorted(mut answer: Answer) -> Answer {
    match &mut answer {
        Answer::Users(users) => users.sort_by_key(|user| user.id),
        Answer::LastSeqs(seqs) => seqs.sort_unstable(),
        Answer::Held(held) => held.sort_unstable(),
        _ => {}
    }
    answer
}

#[test]
fn a_store_survives_being_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(dir.path().join("test.db"));
    Smol::run(ONE, |_| async {
        let start = |id: u8| Op::Start {
            server_id: ServerId([id; 16]),
            store_id: StoreId([id; 16]),
        };
        let first = written_one(&database, start(1)).await;
        assert_eq!(written_one(&database, start(2)).await, first);
    })
    .unwrap();
}

// spec 6.15
#[test]
fn one_server_writes_to_a_database_of_postgres() {
    let postgres = Postgres::start();
    let database = Database::Postgres(postgres.create("shared"));
    let start = || Op::Start {
        server_id: ServerId([1; 16]),
        store_id: StoreId([1; 16]),
    };
    Smol::run(ONE, |_| async {
        let first = open(&database, None, Sharing::Alone).await.unwrap();
        let second = open(&database, None, Sharing::Alone).await;
        assert_eq!(second.err(), Some(OpenError::Served));
        // The host's commands work beside it.
        let host = open(&database, None, Sharing::Beside).await.unwrap();
        host.write(vec![start()]).await.remove(0).unwrap();
        host.close().await;

        // Who loses its connection, and with it the lock, writes nothing beside the one that took it.
        let killed = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'";
        assert!(postgres.psql(killed));
        let second = open(&database, None, Sharing::Alone).await.unwrap();
        let refused = first.write(vec![start()]).await.remove(0);
        assert_eq!(refused.err(), Some(StoreError::Unavailable));
        second.write(vec![start()]).await.remove(0).unwrap();
        second.close().await;
        first.write(vec![start()]).await.remove(0).unwrap();
        first.close().await;
    })
    .unwrap();
}

/// Spec 6.15: the lock of a server that vanished goes soon, so that another one can take over.
#[cfg(target_os = "linux")]
#[test]
fn postgres_soon_asks_whether_the_server_is_still_there() {
    let postgres = Postgres::start();
    let database = Database::Postgres(postgres.create("watched"));
    Smol::run(ONE, |_| async {
        let store = open(&database, None, Sharing::Alone).await.unwrap();
        let idle = postgres.keepalive_in();
        assert!(idle <= Duration::from_secs(10), "{idle:?}");
        store.close().await;
    })
    .unwrap();
}

#[test]
fn a_sealed_store_opens_only_under_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("test.db");
    let database = Database::Sqlite(path.clone());
    Smol::run(ONE, |_| async {
        let key = ChannelKey([1; 32]);
        let store = open(&database, Some(&key), Sharing::Alone).await.unwrap();
        let profile = Op::PutProfile {
            user: UserId([1; 16]),
            name_enc: "a name that nobody may find".into(),
            updated_at: UnixMillis(1),
        };
        store.write(vec![profile]).await.remove(0).unwrap();
        store.close().await;
        drop(store);
        for wrong in [None, Some(&ChannelKey([2; 32]))] {
            let refused = open(&database, wrong, Sharing::Alone).await.err();
            assert_eq!(refused, Some(OpenError::ChannelKey));
        }
        let store: Arc<dyn Store> = open(&database, Some(&key), Sharing::Alone).await.unwrap();
        let Ok(Answer::Profiles(profiles)) = store.read(Op::Profiles).await else {
            panic!("profiles are read");
        };
        assert_eq!(profiles.len(), 1);
        store.close().await;
    })
    .unwrap();
    let bytes = std::fs::read(path).unwrap();
    assert!(!bytes.windows(12).any(|part| part == b"a name that "));
}

#[test]
fn a_database_that_cannot_be_reached_is_named() {
    let database = Database::Postgres("postgres://test:hunter2@127.0.0.1:1/none".into());
    let error = Smol::run(ONE, |_| async {
        open(&database, None, Sharing::Alone).await.err()
    });
    let error = error.unwrap().unwrap().to_string();
    assert!(error.contains("database"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

async fn written_one(database: &Database, op: Op) -> Answer {
    let store = open(database, None, Sharing::Alone).await.unwrap();
    let answer = store.write(vec![op]).await.remove(0).unwrap();
    store.close().await;
    answer
}
