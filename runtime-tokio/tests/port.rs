//! The common suite of the runtime port, on tokio.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../../runtime-smol/tests/suite/mod.rs"]
mod suite;

use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dialtone_runtime_tokio::Tokio;

macro_rules! suite {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            Tokio::run(threads(), suite::$name).unwrap();
        }
    )*};
}

suite!(
    clocks_run_and_seeds_differ,
    a_sleep_ends_at_its_time,
    tasks_run_on_several_threads,
    blocking_work_does_not_stop_tasks,
    streams_carry_bytes_both_ways,
    a_refused_connection_is_an_error,
    datagrams_arrive_with_their_sender,
);

#[test]
fn tasks_that_are_left_are_dropped() {
    let held = Arc::new(());
    let task = Arc::clone(&held);
    Tokio::run(threads(), |runtime| {
        suite::leave_a_task_behind(runtime, task)
    })
    .unwrap();
    let start = Instant::now();
    while Arc::strong_count(&held) > 1 && start.elapsed() < Duration::from_secs(10) {
        thread::yield_now();
    }
    assert_eq!(Arc::strong_count(&held), 1);
}

fn threads() -> NonZero<usize> {
    NonZero::new(2).unwrap()
}
