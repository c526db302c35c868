//! `dialtone-sim`: whole communities from one seed.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dialtone_sim::run::{Report, run};

/// Runs the real server engine and real client engines on a virtual clock, network and disk.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs one seed; the hash of everything that every engine answered is the last line
    Run {
        /// The seed: the same one gives the same run
        #[arg(long)]
        seed: u64,
        /// How many things happen before the faults end
        #[arg(long, default_value_t = 200)]
        steps: u64,
    },
    /// Runs many seeds and stops at the first that fails
    Soak {
        /// The first seed
        #[arg(long, default_value_t = 0)]
        first: u64,
        /// How many
        #[arg(long, default_value_t = 1000)]
        seeds: u64,
        /// How many things happen in each before the faults end
        #[arg(long, default_value_t = 200)]
        steps: u64,
    },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run { seed, steps } => {
            let report = run(seed, steps);
            print(seed, &report);
            println!("{}", report.hash);
            if report.violations.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Command::Soak {
            first,
            seeds,
            steps,
        } => {
            for seed in first..first.saturating_add(seeds) {
                let report = run(seed, steps);
                if !report.violations.is_empty() {
                    print(seed, &report);
                    eprintln!("replay it: dialtone-sim run --seed {seed} --steps {steps}");
                    return ExitCode::FAILURE;
                }
                if seed % 100 == 99 {
                    eprintln!("{} seeds", seed - first + 1);
                }
            }
            println!(
                "{seeds} seeds of {steps} steps: nothing was lost, doubled, out of order or unreadable"
            );
            ExitCode::SUCCESS
        }
    }
}

fn print(seed: u64, report: &Report) {
    println!(
        "seed {seed}: {} people, {} messages acked, {} outputs",
        report.people, report.acked, report.outputs
    );
    for violation in &report.violations {
        println!("violation: {violation}");
    }
}
