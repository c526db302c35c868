//! What `/metrics` tells: numbers of things, never names.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The counters of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Open WebSocket connections.
    pub(crate) connections: Gauge,
    /// Messages that were stored.
    pub(crate) messages: Counter,
    /// Frames that were queued for connections.
    pub(crate) deliveries: Counter,
    /// HTTP requests.
    pub(crate) requests: Counter,
    /// Seconds from taking a group of writes to its commit.
    pub(crate) store_write: Histogram,
    /// Writes in a group.
    pub(crate) store_group: Histogram,
    /// Seconds that a read took.
    pub(crate) store_read: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.0001, 4.0, 10));
        let metrics = Self {
            registry: Registry::default(),
            connections: Gauge::default(),
            messages: Counter::default(),
            deliveries: Counter::default(),
            requests: Counter::default(),
            store_write: seconds(),
            store_group: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            store_read: seconds(),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let to = &mut self.registry;
        to.register(
            "dialtone_connections",
            "Open WebSocket connections",
            self.connections.clone(),
        );
        to.register(
            "dialtone_messages",
            "Messages that were stored",
            self.messages.clone(),
        );
        to.register(
            "dialtone_deliveries",
            "Frames that were queued for connections",
            self.deliveries.clone(),
        );
        to.register("dialtone_requests", "HTTP requests", self.requests.clone());
        to.register(
            "dialtone_store_write_seconds",
            "Time from taking a group of writes to its commit",
            self.store_write.clone(),
        );
        to.register(
            "dialtone_store_group_size",
            "Writes that shared a transaction",
            self.store_group.clone(),
        );
        to.register(
            "dialtone_store_read_seconds",
            "Time that a read took",
            self.store_read.clone(),
        );
        self
    }

    /// Everything in the text format of Prometheus.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        match encode(&mut text, &self.registry) {
            Ok(()) | Err(_) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new();
        metrics.messages.inc_by(3);
        metrics.connections.inc();
        let text = metrics.to_text();
        assert!(text.contains("dialtone_messages_total 3"), "{text}");
        assert!(text.contains("dialtone_connections 1"), "{text}");
        assert!(
            text.contains("dialtone_store_write_seconds_count 0"),
            "{text}"
        );
    }
}
