//! The tasks that carry out the hub's store operations and its long computations.

use std::num::NonZero;
use std::sync::Arc;

use async_channel::Receiver;
use dialtone_protocol::hub::store::Op;
use dialtone_protocol::hub::{OpId, Work, WorkId};
use dialtone_protocol::runtime::Runtime;

use super::hub::{Event, HubHandle};
use crate::metrics::Metrics;
use crate::store::Store;

/// Writes that share one transaction at most: a group takes milliseconds, and what comes meanwhile is the next one.
const GROUP: usize = 512;

/// Tasks that read. More than the pools have connections would only wait there.
const READERS: usize = 8;

/// Carries out operations as the hub issues them: writes in their order, one group after the other, reads beside them.
/// Ends, with everything written, when the hub has ended.
pub(super) async fn store<R: Runtime>(
    runtime: R,
    store: Arc<dyn Store>,
    operations: Receiver<(OpId, Op)>,
    hub: HubHandle,
    metrics: Arc<Metrics>,
) {
    let (reads, to_read) = async_channel::unbounded::<(OpId, Op)>();
    for _ in 0..READERS {
        let (store, to_read) = (Arc::clone(&store), to_read.clone());
        let (hub, metrics, clock) = (hub.clone(), Arc::clone(&metrics), runtime.clone());
        runtime.spawn(async move {
            while let Ok((id, op)) = to_read.recv().await {
                let start = clock.now();
                let result = store.read(op).await;
                let took = clock.now() - start;
                metrics.store_read.observe(took.as_secs_f64());
                hub.tell(Event::Stored { id, result }).await;
            }
        });
    }
    while let Ok(first) = operations.recv().await {
        let (mut ids, mut writes) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some((id, op)) = next {
            if op.is_write() {
                ids.push(id);
                writes.push(op);
            } else if reads.send((id, op)).await.is_err() {
                return;
            }
            next = if writes.len() < GROUP {
                operations.try_recv().ok()
            } else {
                None
            };
        }
        if writes.is_empty() {
            continue;
        }
        let start = runtime.now();
        metrics.store_group.observe(writes.len() as f64);
        let results = store.write(writes).await;
        let took = runtime.now() - start;
        metrics.store_write.observe(took.as_secs_f64());
        for (id, result) in ids.into_iter().zip(results) {
            hub.tell(Event::Stored { id, result }).await;
        }
    }
}

/// Computes for the hub, as much at a time as the machine has cores: a flood of logins leaves the rest alone.
pub(super) fn work<R: Runtime>(
    runtime: &R,
    cores: NonZero<usize>,
    works: &Receiver<(WorkId, Work)>,
    hub: &HubHandle,
) {
    for _ in 0..cores.get() {
        let (works, hub, pool) = (works.clone(), hub.clone(), runtime.clone());
        runtime.spawn(async move {
            while let Ok((id, work)) = works.recv().await {
                let result = pool.unblock(move || work.run()).await;
                hub.tell(Event::Worked { id, result }).await;
            }
        });
    }
}
