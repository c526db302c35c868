//! Whole communities from seeds: nothing is lost, doubled, out of order or unreadable, and each run can be replayed.

use dialtone_sim::run::run;

/// How many seeds every test run takes; `make soak` takes thousands.
const SEEDS: u64 = 40;

#[test]
fn communities_survive_their_faults() {
    let mut acked = 0;
    for seed in 0..SEEDS {
        let report = run(seed, 120);
        assert!(
            report.violations.is_empty(),
            "seed {seed}: {:#?}",
            report.violations
        );
        acked += report.acked;
    }
    assert!(acked > 0, "no run sent a message");
}

// spec 1.6
#[test]
fn the_same_seed_gives_the_same_run() {
    let (one, other) = (run(7, 100), run(7, 100));
    assert_eq!(one, other);
    assert_ne!(one.hash, run(8, 100).hash);
}
