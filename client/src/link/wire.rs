//! Connections to servers, with TLS where that is asked for.

use core::fmt;
use std::net::SocketAddr;

use dialtone_protocol::client::LinkFailure;
use dialtone_protocol::runtime::Runtime;
use futures_io::{AsyncRead, AsyncWrite};

use super::resolve::resolve;
use super::{LinkError, Tls, Trust, TrustError, timing};
use crate::server_url::ServerUrl;

/// A connection, whatever it is made of.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// Opens connections to one server.
#[derive(Clone)]
pub struct Connector<R> {
    runtime: R,
    server: ServerUrl,
    tls: Option<Tls>,
}

impl<R> fmt::Debug for Connector<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl<R: Runtime> Connector<R> {
    /// Reads what is trusted, if the server's URL asks for TLS.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn new(runtime: R, server: ServerUrl, trust: &Trust) -> Result<Self, TrustError> {
        let tls = server.is_tls().then(|| Tls::new(trust)).transpose()?;
        Ok(Self {
            runtime,
            server,
            tls,
        })
    }

    pub(crate) fn runtime(&self) -> &R {
        &self.runtime
    }

    pub(crate) fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Connects to the first address that answers.
    pub(crate) async fn open(&self) -> Result<Box<dyn Wire>, LinkError> {
        let (host, port) = (self.server.host(), self.server.port());
        let addresses = resolve(&self.runtime, &host, port).await?;
        open_stream(&self.runtime, &addresses, &host, self.tls.as_ref()).await
    }
}

/// Connects to the first of these addresses that answers, with TLS if it is given: then for the server called `host`.
///
/// # Errors
///
/// When none answers, or the server does not agree on TLS or is not the one called so.
pub async fn open_stream<R: Runtime>(
    runtime: &R,
    addresses: &[SocketAddr],
    host: &str,
    tls: Option<&Tls>,
) -> Result<Box<dyn Wire>, LinkError> {
    let stream = open_tcp(runtime, addresses, host).await?;
    let Some(tls) = tls else {
        return Ok(Box::new(stream));
    };
    let handshake = tls.handshake(host.to_owned(), stream);
    match timing::within(runtime, timing::HANDSHAKE, handshake).await {
        Some(stream) => Ok(Box::new(stream?)),
        None => Err(LinkError::new(
            LinkFailure::TimedOut,
            format_args!("{host} did not agree on TLS"),
        )),
    }
}

async fn open_tcp<R: Runtime>(
    runtime: &R,
    addresses: &[SocketAddr],
    host: &str,
) -> Result<R::Stream, LinkError> {
    let mut last = None;
    for address in addresses {
        let connect = runtime.connect(*address);
        last = Some(
            match timing::within(runtime, timing::CONNECT, connect).await {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => {
                    LinkError::new(LinkFailure::Unreachable, format_args!("{address}: {error}"))
                }
                None => LinkError::new(
                    LinkFailure::TimedOut,
                    format_args!("{address} takes no connection"),
                ),
            },
        );
    }
    Err(last.unwrap_or_else(|| LinkError::new(LinkFailure::Unreachable, host)))
}
