//! What came of a run.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use dialtone_protocol::time::Instant;
use serde::Serialize;

use super::histogram::Histogram;
use super::tally::Tally;
use super::{Plan, elapsed};
use crate::process::Usage;

/// The figures of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// How messages were sent.
    pub mode: &'static str,
    /// Connections, all of which received.
    pub receivers: usize,
    /// How many of them sent.
    pub senders: u16,
    /// The size of a body.
    pub body_bytes: usize,
    /// From the first message to the last arrival.
    pub seconds: f64,
    /// Messages sent.
    pub sent: u64,
    /// Messages that arrived somewhere, as the connection that received the most counts them.
    pub stored: u64,
    /// Stored messages a second.
    pub messages_per_second: f64,
    /// Arrivals at all connections.
    pub deliveries: u64,
    /// Arrivals a second.
    pub deliveries_per_second: f64,
    /// Arrivals that are missing.
    pub lost: u64,
    /// Arrivals of what had arrived before.
    pub doubled: u64,
    /// Arrivals after a later message of the same sender.
    pub disordered: u64,
    /// In how many different orders connections saw the messages: one, when nothing is wrong.
    pub orders: usize,
    /// Refusals by the server.
    pub refusals: u64,
    /// The first of them.
    pub first_refusal: Option<String>,
    /// Connections that ended.
    pub closed: usize,
    /// Why the first of them did.
    pub first_close: Option<String>,
    /// Time from sending to arrival that half of all stay under.
    pub p50_ms: f64,
    /// That 99 of 100 stay under.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// Memory of the server for each idle connection, in KiB.
    pub server_kib_per_connection: Option<f64>,
    /// Memory of the server at the end, in KiB.
    pub server_kib: Option<u64>,
    /// Processor time of the server for each arrival, in microseconds.
    pub server_us_per_delivery: Option<f64>,
    /// Our own, in microseconds.
    pub load_us_per_delivery: Option<f64>,
}

impl Report {
    /// Whether every message arrived everywhere, once and in order.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost == 0
            && self.doubled == 0
            && self.disordered == 0
            && self.orders <= 1
            && self.refusals == 0
            && self.closed == 0
    }
}

/// What processes used: before the connections, while they rest, at the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) before: Option<Usage>,
    pub(super) resting: Option<Usage>,
    pub(super) after: Option<Usage>,
    pub(super) ours: (Option<Usage>, Option<Usage>),
}

/// Sums up what the connections saw.
pub(super) fn report(plan: &Plan, from: Instant, tallies: &[Tally], measured: Measured) -> Report {
    let mut latency = Histogram::new();
    tallies
        .iter()
        .for_each(|tally| latency.merge(&tally.latency));
    let sum = |of: &dyn Fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let sent = sum(&|tally| u64::from(tally.sent));
    let deliveries = sum(&|tally| tally.received);
    let stored = tallies
        .iter()
        .map(|tally| tally.received)
        .max()
        .unwrap_or(0);
    let last = tallies.iter().map(|tally| tally.last).max().unwrap_or(from);
    let seconds = elapsed(from, last);
    let orders: BTreeSet<_> = tallies.iter().map(Tally::order).collect();
    let closed = tallies.iter().filter_map(|tally| tally.closed.as_ref());
    Report {
        mode: plan.mode.name(),
        receivers: plan.receivers,
        senders: plan.senders,
        body_bytes: plan.body_bytes.max(super::MIN_BODY_BYTES),
        seconds,
        sent,
        stored,
        messages_per_second: stored as f64 / seconds,
        deliveries,
        deliveries_per_second: deliveries as f64 / seconds,
        lost: (sent * tallies.len() as u64).saturating_sub(deliveries),
        doubled: sum(&|tally| tally.doubled),
        disordered: sum(&|tally| tally.disordered),
        orders: orders.len(),
        refusals: sum(&|tally| tally.refusals.0),
        first_refusal: tallies.iter().find_map(|tally| tally.refusals.1.clone()),
        closed: closed.clone().count(),
        first_close: closed.clone().next().cloned(),
        p50_ms: latency.quantile(0.5) as f64 / 1e3,
        p99_ms: latency.quantile(0.99) as f64 / 1e3,
        max_ms: latency.max() as f64 / 1e3,
        server_kib_per_connection: memory_each(measured, plan.receivers),
        server_kib: measured.after.map(|usage| usage.memory >> 10),
        server_us_per_delivery: processor_each(measured.resting, measured.after, deliveries),
        load_us_per_delivery: processor_each(measured.ours.0, measured.ours.1, deliveries),
    }
}

fn memory_each(measured: Measured, connections: usize) -> Option<f64> {
    let grown = measured
        .resting?
        .memory
        .saturating_sub(measured.before?.memory);
    Some(grown as f64 / 1024.0 / connections.max(1) as f64)
}

fn processor_each(from: Option<Usage>, to: Option<Usage>, deliveries: u64) -> Option<f64> {
    let used: Duration = to?.processor.saturating_sub(from?.processor);
    (deliveries > 0).then(|| used.as_secs_f64() * 1e6 / deliveries as f64)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} receivers, {} senders among them, bodies of {} bytes, {:.1} s",
            self.mode, self.receivers, self.senders, self.body_bytes, self.seconds
        )?;
        writeln!(
            f,
            "messages    {:>10}   {:>10.0} a second",
            self.stored, self.messages_per_second
        )?;
        writeln!(
            f,
            "deliveries  {:>10}   {:>10.0} a second",
            self.deliveries, self.deliveries_per_second
        )?;
        writeln!(
            f,
            "latency     p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
            self.p50_ms, self.p99_ms, self.max_ms
        )?;
        writeln!(
            f,
            "wrong       {} lost, {} doubled, {} out of order, {} orders, {} refused, {} closed",
            self.lost, self.doubled, self.disordered, self.orders, self.refusals, self.closed
        )?;
        for (what, text) in [
            ("refusal", &self.first_refusal),
            ("close", &self.first_close),
        ] {
            if let Some(text) = text {
                writeln!(f, "first {what}: {text}")?;
            }
        }
        if let (Some(each), Some(all)) = (self.server_kib_per_connection, self.server_kib) {
            writeln!(
                f,
                "memory      {each:.1} KiB a connection at rest, {all} KiB at the end"
            )?;
        }
        if let Some(server) = self.server_us_per_delivery {
            writeln!(f, "server      {server:.2} us of processor a delivery")?;
        }
        if let Some(load) = self.load_us_per_delivery {
            writeln!(f, "load        {load:.2} us of processor a delivery")?;
        }
        Ok(())
    }
}
