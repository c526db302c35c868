//! The sockets by which other devices reach this one: one for each address, open while it is in a room.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_channel::Sender;
use dialtone_protocol::runtime::{Runtime, Udp};

use super::Incoming;
use crate::media::{SocketId, local_addresses};

/// The longest datagram that is read, in bytes: more than a network carries in one piece.
const MAX_DATAGRAM: usize = 2048;

/// Errors in a row after which a socket is given up: its address is gone.
const MAX_ERRORS: usize = 1000;

/// The sockets.
pub(super) struct Network<R: Runtime> {
    runtime: R,
    incoming: Sender<Incoming>,
    /// Whether the server is on this machine: others there have only the loopback to reach this device.
    loopback: bool,
    sockets: BTreeMap<SocketId, Bound<R>>,
    next: u64,
}

struct Bound<R: Runtime> {
    socket: Arc<R::Udp>,
    address: SocketAddr,
    /// The task that reads ends when this is dropped.
    _alive: Sender<()>,
}

/// What changed.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) gone: Vec<SocketId>,
    pub(super) new: Vec<(SocketId, SocketAddr)>,
}

impl<R: Runtime> Network<R> {
    pub(super) fn new(runtime: R, incoming: Sender<Incoming>, loopback: bool) -> Self {
        Self {
            runtime,
            incoming,
            loopback,
            sockets: BTreeMap::new(),
            next: 0,
        }
    }

    /// Binds a socket to each address of this machine that has none, and closes those of addresses that are gone.
    pub(super) async fn look(&mut self) -> io::Result<Changes> {
        let loopback = self.loopback;
        let found = self.runtime.unblock(move || addresses(loopback));
        let found = found.await?;
        let mut changes = Changes::default();
        let sockets = self.sockets.iter();
        let gone = sockets.filter(|(_, it)| !found.contains(&it.address.ip()));
        changes.gone = gone.map(|(id, _)| *id).collect();
        for id in &changes.gone {
            self.sockets.remove(id);
        }
        for address in found {
            if self.sockets.values().any(|it| it.address.ip() == address) {
                continue;
            }
            // An address that just went away, or is not ready yet: it is looked at again.
            if let Ok(bound) = self.bind(address).await {
                changes.new.push(bound);
            }
        }
        Ok(changes)
    }

    /// Closes all.
    pub(super) fn close(&mut self) -> Vec<SocketId> {
        let all = core::mem::take(&mut self.sockets);
        all.into_keys().collect()
    }

    pub(super) async fn send(&self, socket: SocketId, to: SocketAddr, bytes: &[u8]) {
        if let Some(bound) = self.sockets.get(&socket) {
            // What does not go out is like what gets lost.
            let _ = bound.socket.send_to(bytes, to).await;
        }
    }

    async fn bind(&mut self, address: IpAddr) -> io::Result<(SocketId, SocketAddr)> {
        let socket = self.runtime.bind_udp(SocketAddr::new(address, 0)).await?;
        let socket = Arc::new(socket);
        let address = socket.local_addr()?;
        let id = SocketId(self.next);
        self.next += 1;
        let (alive, gone) = async_channel::bounded::<()>(1);
        let (inner, incoming) = (Arc::clone(&socket), self.incoming.clone());
        self.runtime.spawn(async move {
            let read = async {
                let mut buffer = [0; MAX_DATAGRAM];
                let mut errors = 0;
                while errors < MAX_ERRORS {
                    let Ok((length, from)) = inner.recv_from(&mut buffer).await else {
                        // What an earlier datagram caused is reported here; the socket goes on.
                        errors += 1;
                        continue;
                    };
                    errors = 0;
                    let bytes = buffer.get(..length).unwrap_or_default().to_vec();
                    let datagram = Incoming::Datagram {
                        socket: id,
                        from,
                        bytes,
                    };
                    if incoming.send(datagram).await.is_err() {
                        break;
                    }
                }
            };
            futures_util::future::select(core::pin::pin!(read), core::pin::pin!(gone.recv())).await;
        });
        let bound = Bound {
            socket,
            address,
            _alive: alive,
        };
        self.sockets.insert(id, bound);
        Ok((id, address))
    }
}

fn addresses(loopback: bool) -> io::Result<Vec<IpAddr>> {
    let mut found = local_addresses(false)?;
    if loopback || found.is_empty() {
        found.extend(local_addresses(true)?);
    }
    Ok(found)
}
