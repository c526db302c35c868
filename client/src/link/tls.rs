//! Whom the client believes to be the server, and TLS on a connection.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dialtone_protocol::client::LinkFailure;
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use futures_rustls::client::TlsStream;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::BuilderVerifierExt;

use super::LinkError;

/// Whose word counts for a server's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// The authorities that the system trusts.
    #[default]
    System,
    /// Only the authorities in this PEM file, for servers with a private one.
    File(PathBuf),
}

/// Agrees on TLS with servers that are trusted.
#[derive(Clone)]
pub struct Tls(TlsConnector);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads what is trusted: this may block.
    ///
    /// # Errors
    ///
    /// When that cannot be read.
    pub fn new(trust: &Trust) -> Result<Self, TrustError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TrustError::System(error.to_string()))?;
        let config = match trust {
            Trust::System => builder
                .with_platform_verifier()
                .map_err(|error| TrustError::System(error.to_string()))?
                .with_no_client_auth(),
            Trust::File(path) => builder
                .with_root_certificates(read_roots(path)?)
                .with_no_client_auth(),
        };
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Agrees on TLS with the server called `host`.
    pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: String,
        stream: S,
    ) -> Result<TlsStream<S>, LinkError> {
        let name = ServerName::try_from(host)
            .map_err(|error| LinkError::new(LinkFailure::Unreachable, error))?;
        self.0.connect(name, stream).await.map_err(|error| {
            let failure = if is_about_trust(&error) {
                LinkFailure::Untrusted
            } else {
                LinkFailure::Unreachable
            };
            LinkError::new(failure, error)
        })
    }
}

fn read_roots(path: &Path) -> Result<RootCertStore, TrustError> {
    let unreadable = |reason: String| TrustError::File {
        path: path.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("no certificate is in it".to_owned()));
    }
    Ok(roots)
}

fn is_about_trust(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

/// Why no certificate could ever be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustError {
    /// The file of authorities cannot be used.
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The system's authorities cannot be used.
    System(String),
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, reason } => {
                write!(
                    f,
                    "cannot use the authorities in {}: {reason}",
                    path.display()
                )
            }
            Self::System(reason) => write!(f, "cannot use the system's authorities: {reason}"),
        }
    }
}

impl std::error::Error for TrustError {}
