//! What every implementation of the runtime port must do. Each runtime's crate runs this same suite.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use dialtone_protocol::runtime::{Listener, Runtime, Udp};
use dialtone_protocol::time::Instant;
use futures_util::future::{Either, join_all, select};
use futures_util::{AsyncReadExt, AsyncWriteExt};

/// Long enough for a slow machine, short enough for a test that failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn clocks_run_and_seeds_differ(runtime: impl Runtime) {
    let first = runtime.now();
    thread::sleep(Duration::from_millis(2));
    assert!(runtime.now() - first >= Duration::from_millis(2));
    let year_2020 = 1_577_836_800_000;
    assert!(runtime.unix_millis().0 > year_2020);
    assert_ne!(runtime.seed(), runtime.seed());
}

pub(crate) async fn a_sleep_ends_at_its_time(runtime: impl Runtime) {
    let at = runtime.now() + Duration::from_millis(30);
    runtime.sleep_until(at).await;
    assert!(runtime.now() >= at);
    runtime.sleep_until(Instant::ZERO).await;

    let never = runtime.sleep_until(Instant::from_micros(u64::MAX));
    let soon = runtime.sleep_until(runtime.now() + Duration::from_millis(5));
    assert!(matches!(
        select(pin!(never), pin!(soon)).await,
        Either::Right(_)
    ));
}

pub(crate) async fn tasks_run_on_several_threads(runtime: impl Runtime) {
    let (done, ended) = async_channel::unbounded();
    // Two tasks that can only end together, each holding its thread.
    let inside = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let (done, inside) = (done.clone(), Arc::clone(&inside));
        runtime.spawn(async move {
            inside.fetch_add(1, Ordering::SeqCst);
            let start = std::time::Instant::now();
            while inside.load(Ordering::SeqCst) < 2 && start.elapsed() < PATIENCE {
                thread::yield_now();
            }
            done.send(thread::current().id()).await.unwrap();
        });
    }
    let threads: HashSet<_> = join_all([ended.recv(), ended.recv()])
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(threads.len(), 2);
}

pub(crate) async fn blocking_work_does_not_stop_tasks(runtime: impl Runtime) {
    // Works that can only end together, each holding its thread.
    let together = Arc::new(Barrier::new(8));
    let works = (0..8_u64).map(|number| {
        let together = Arc::clone(&together);
        runtime.unblock(move || {
            together.wait();
            number
        })
    });
    let late = runtime.sleep_until(runtime.now() + PATIENCE);
    let Either::Left((numbers, _)) = select(join_all(works), pin!(late)).await else {
        // They hold their threads for ever: nothing could end in order.
        std::process::exit(1);
    };
    assert_eq!(numbers, (0..8).collect::<Vec<_>>());
}

pub(crate) async fn streams_carry_bytes_both_ways(runtime: impl Runtime) {
    let listener = runtime.listen(loopback()).await.unwrap();
    let to = listener.local_addr().unwrap();
    runtime.spawn(async move {
        let (mut stream, from) = listener.accept().await.unwrap();
        assert!(from.ip().is_loopback());
        let mut buffer = vec![0; 4096];
        loop {
            let count = stream.read(&mut buffer).await.unwrap();
            if count == 0 {
                break stream.close().await.unwrap();
            }
            stream.write_all(&buffer[..count]).await.unwrap();
        }
    });
    let stream = runtime.connect(to).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let send = async {
        writer.write_all(&sent).await.unwrap();
        writer.close().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, count) = futures_util::join!(send, reader.read_to_end(&mut received));
    assert_eq!(count.unwrap(), sent.len());
    assert_eq!(received, sent);
}

pub(crate) async fn a_refused_connection_is_an_error(runtime: impl Runtime) {
    // Nobody serves the port multiplexer, and the system lends its port to nobody.
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let error = runtime.connect(nobody).await.err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

pub(crate) async fn datagrams_arrive_with_their_sender(runtime: impl Runtime) {
    let (a, b) = (
        runtime.bind_udp(loopback()).await.unwrap(),
        runtime.bind_udp(loopback()).await.unwrap(),
    );
    let to = b.local_addr().unwrap();
    assert_eq!(a.send_to(b"hello", to).await.unwrap(), 5);
    let mut buffer = [0; 16];
    let (count, from) = b.recv_from(&mut buffer).await.unwrap();
    assert_eq!(
        (&buffer[..count], from),
        (&b"hello"[..], a.local_addr().unwrap())
    );
}

/// A task that is still waiting when `run` returns is dropped with all it holds.
pub(crate) async fn leave_a_task_behind<R: Runtime>(runtime: R, held: Arc<()>) {
    let inner = runtime.clone();
    let (started, running) = async_channel::bounded(1);
    runtime.spawn(async move {
        started.send(()).await.unwrap();
        inner.sleep_until(Instant::from_micros(u64::MAX)).await;
        drop(held);
    });
    running.recv().await.unwrap();
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}
