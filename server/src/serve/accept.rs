//! Accepts connections and serves HTTP on them.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use async_channel::Receiver;
use dialtone_protocol::runtime::{Listener, Runtime};
use futures_rustls::TlsAcceptor;
use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use smol_hyper::rt::FuturesIo;
use tracing::{debug, warn};

use super::stream::{Stream, Watched};
use super::timer::PortTimer;
use super::{Gate, http};

/// How long a head may take to arrive, and a connection may wait for its next request (the original's idle time).
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The head of a request, in bytes: room for long tokens and cookies of proxies.
const MAX_HEAD: usize = 32 << 10;

/// Headers of one request.
const MAX_HEADERS: usize = 100;

/// How long to wait when the system has no more files or memory for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the server stops.
pub(super) async fn accept<R: Runtime>(
    gate: Gate<R>,
    listener: R::Listener,
    tls: Option<TlsAcceptor>,
    stop: Receiver<()>,
) {
    loop {
        let accepted = match select(pin!(listener.accept()), pin!(stop.recv())).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (gate, tls, stop) = (gate.clone(), tls.clone(), stop.clone());
                let runtime = gate.runtime.clone();
                runtime.spawn(async move {
                    if let Some(stream) = secure(&gate, stream, tls).await {
                        serve(gate, stream, peer, stop).await;
                    }
                });
            }
            Err(error) => {
                if !is_of_the_peer(&error) {
                    warn!(%error, "cannot accept connections");
                    let at = gate.runtime.now() + EXHAUSTED_PAUSE;
                    gate.runtime.sleep_until(at).await;
                }
            }
        }
    }
}

/// Whether only the connection that was to be accepted failed.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NotConnected
    )
}

async fn secure<R: Runtime>(
    gate: &Gate<R>,
    stream: R::Stream,
    tls: Option<TlsAcceptor>,
) -> Option<Stream<R>> {
    let stream = Watched::new(gate.runtime.clone(), stream);
    let Some(tls) = tls else {
        return Some(Stream::Plain(stream));
    };
    let late = gate.runtime.now() + HANDSHAKE_TIMEOUT;
    let late = gate.runtime.sleep_until(late);
    match select(pin!(tls.accept(stream)), pin!(late)).await {
        Either::Left((Ok(stream), _)) => Some(Stream::Tls(Box::new(stream))),
        Either::Left((Err(error), _)) => {
            debug!(%error, "a tls handshake failed");
            None
        }
        Either::Right(_) => None,
    }
}

/// Serves requests on one connection until it ends, becomes a WebSocket, or the server stops.
async fn serve<R: Runtime>(gate: Gate<R>, stream: Stream<R>, peer: SocketAddr, stop: Receiver<()>) {
    let timer = PortTimer(gate.runtime.clone());
    let connection = http1::Builder::new()
        .timer(timer)
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(
            FuturesIo::new(stream),
            service_fn(move |request| http::serve(gate.clone(), peer, request)),
        )
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = match select(&mut connection, pin!(stop.recv())).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => {
            // The request that is being served is answered.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended early");
    }
}
