//! Connections to the server, with TLS where its URL says so.

use core::fmt;

use dialtone_protocol::client::LinkFailure;
use dialtone_protocol::runtime::Runtime;
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;

use super::resolve::resolve;
use super::{LinkError, Trust, TrustError, timing, tls};
use crate::server_url::ServerUrl;

/// A connection, whatever it is made of.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// Opens connections to one server.
#[derive(Clone)]
pub struct Connector<R> {
    runtime: R,
    server: ServerUrl,
    tls: Option<TlsConnector>,
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
        let tls = server.is_tls().then(|| trust.connector()).transpose()?;
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
        let stream = self.open_tcp().await?;
        let Some(connector) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let handshake = tls::handshake(connector, self.server.host(), stream);
        match timing::within(&self.runtime, timing::HANDSHAKE, handshake).await {
            Some(stream) => Ok(Box::new(stream?)),
            None => Err(LinkError::new(
                LinkFailure::TimedOut,
                format_args!("{} did not agree on TLS", self.server.origin()),
            )),
        }
    }

    async fn open_tcp(&self) -> Result<R::Stream, LinkError> {
        let (host, port) = (self.server.host(), self.server.port());
        let mut last = None;
        for address in resolve(&self.runtime, &host, port).await? {
            let connect = self.runtime.connect(address);
            last = Some(
                match timing::within(&self.runtime, timing::CONNECT, connect).await {
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
}
