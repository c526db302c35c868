//! The tasks that carry out the hub's store operations and its long computations.

use std::num::NonZero;
use std::sync::Arc;

use async_channel::Receiver;
use dialtone_protocol::crypto::password::KdfMemory;
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

/// Passwords that are computed at a time at most. Each task keeps the memory that they take.
const MOST_PASSWORDS: usize = 4;

/// Carries out reads, beside each other and beside writes.
pub(super) fn read<R: Runtime>(
    runtime: &R,
    store: &Arc<dyn Store>,
    reads: &Receiver<(OpId, Op)>,
    hub: &HubHandle,
    metrics: &Arc<Metrics>,
) {
    for _ in 0..READERS {
        let (store, reads, hub) = (Arc::clone(store), reads.clone(), hub.clone());
        let (metrics, clock) = (Arc::clone(metrics), runtime.clone());
        runtime.spawn(async move {
            while let Ok((id, op)) = reads.recv().await {
                let start = clock.now();
                let result = store.read(op).await;
                let took = clock.now() - start;
                metrics.store_read.observe(took.as_secs_f64());
                hub.tell(Event::Stored(vec![(id, result)])).await;
            }
        });
    }
}

/// Carries out writes in the order in which the hub issues them, one group after the other. Ends, with everything
/// written, when the hub has ended.
pub(super) async fn write<R: Runtime>(
    runtime: R,
    store: Arc<dyn Store>,
    operations: Receiver<(OpId, Op)>,
    hub: HubHandle,
    metrics: Arc<Metrics>,
) {
    while let Ok((id, op)) = operations.recv().await {
        let (mut ids, mut writes) = (vec![id], vec![op]);
        while writes.len() < GROUP
            && let Ok((id, op)) = operations.try_recv()
        {
            ids.push(id);
            writes.push(op);
        }
        let start = runtime.now();
        metrics.store_group.observe(writes.len() as f64);
        let results = store.write(writes).await;
        let took = runtime.now() - start;
        metrics.store_write.observe(took.as_secs_f64());
        let answers = ids.into_iter().zip(results).collect();
        hub.tell(Event::Stored(answers)).await;
    }
}

/// How many passwords are computed at a time: a flood of logins leaves some of a large machine, and of its memory, to
/// the rest.
pub(super) fn passwords_at_a_time(cores: NonZero<usize>) -> usize {
    cores.get().min(MOST_PASSWORDS)
}

/// Computes for the hub, in `tasks` tasks.
pub(super) fn work<R: Runtime>(
    runtime: &R,
    tasks: usize,
    works: &Receiver<(WorkId, Work)>,
    hub: &HubHandle,
) {
    for _ in 0..tasks {
        let (works, hub, pool) = (works.clone(), hub.clone(), runtime.clone());
        runtime.spawn(async move {
            // The threads of a pool change, and a system's allocator keeps what each of them once took.
            let mut memory = KdfMemory::default();
            while let Ok((id, work)) = works.recv().await {
                let computing = pool.unblock(move || {
                    let result = work.run(&mut memory);
                    (result, memory)
                });
                let result;
                (result, memory) = computing.await;
                hub.tell(Event::Worked { id, result }).await;
            }
        });
    }
}
