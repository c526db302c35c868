//! HTTP calls. Connections are used again while they are fresh.

use std::sync::{Arc, Mutex, PoisonError};

use dialtone_protocol::client::{HttpCall, LinkFailure};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::time::Instant;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, header};
use smol_hyper::rt::FuturesIo;

use super::{Connector, LinkError, timing};

/// The largest answer that is read: pages of the log and of history are bounded by the server well below it.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// How many idle connections are kept. The engine asks for few things at once.
const MAX_IDLE: usize = 4;

/// The whole answer to a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Makes calls to one server.
pub(crate) struct Caller<R> {
    connector: Arc<Connector<R>>,
    idle: Mutex<Vec<(Instant, SendRequest<Full<Bytes>>)>>,
}

impl<R: Runtime> Caller<R> {
    pub(crate) fn new(connector: Arc<Connector<R>>) -> Self {
        Self {
            connector,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Makes a call and reads its whole answer.
    pub(crate) async fn call(
        &self,
        call: HttpCall,
        token: Option<String>,
    ) -> Result<Answer, LinkError> {
        let runtime = self.connector.runtime();
        timing::within(runtime, timing::CALL, self.call_patiently(call, token))
            .await
            .unwrap_or_else(|| {
                Err(LinkError::new(
                    LinkFailure::TimedOut,
                    "the call was not answered",
                ))
            })
    }

    async fn call_patiently(
        &self,
        call: HttpCall,
        token: Option<String>,
    ) -> Result<Answer, LinkError> {
        let mut request = self.request(call, token)?;
        // A kept connection may have ended meanwhile. hyper hands the request back if nothing of it was written.
        while let Some(mut kept) = self.take_idle() {
            if kept.ready().await.is_err() {
                continue;
            }
            match kept.try_send_request(request).await {
                Ok(response) => return self.finish(kept, response).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(lost(error.error())),
                },
            }
        }
        let mut fresh = self.connect().await?;
        let response = fresh
            .send_request(request)
            .await
            .map_err(|error| lost(&error))?;
        self.finish(fresh, response).await
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, LinkError> {
        let stream = self.connector.open().await?;
        let (sender, connection) = http1::handshake(FuturesIo::new(stream))
            .await
            .map_err(|error| lost(&error))?;
        self.connector.runtime().spawn(async move {
            // What goes wrong on it reaches whoever waits for the answer.
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn request(
        &self,
        call: HttpCall,
        token: Option<String>,
    ) -> Result<Request<Full<Bytes>>, LinkError> {
        let server = self.connector.server();
        let mut request = Request::builder()
            .method(call.method.as_str())
            .uri(server.path(&call.path_and_query))
            .header(header::HOST, server.authority())
            .header(
                header::USER_AGENT,
                concat!("dialtone/", env!("CARGO_PKG_VERSION")),
            );
        if let Some(content_type) = call.content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request
            .body(Full::new(Bytes::from(call.body)))
            .map_err(|error| LinkError::new(LinkFailure::Garbled, error))
    }

    async fn finish(
        &self,
        connection: SendRequest<Full<Bytes>>,
        response: Response<Incoming>,
    ) -> Result<Answer, LinkError> {
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| LinkError::new(LinkFailure::Garbled, error))?
            .to_bytes()
            .to_vec();
        self.keep(connection);
        Ok(Answer { status, body })
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let now = self.connector.runtime().now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(since, kept)| !kept.is_closed() && now - *since < timing::IDLE);
        idle.pop().map(|(_, kept)| kept)
    }

    fn keep(&self, connection: SendRequest<Full<Bytes>>) {
        let now = self.connector.runtime().now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE && !connection.is_closed() {
            idle.push((now, connection));
        }
    }

    /// Whether a kept connection has not ended, as far as is known.
    #[cfg(test)]
    pub(super) fn keeps_an_open_one(&self) -> bool {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.iter().any(|(_, kept)| !kept.is_closed())
    }
}

fn lost(error: &hyper::Error) -> LinkError {
    let failure = if error.is_parse() {
        LinkFailure::Garbled
    } else {
        LinkFailure::Lost
    };
    LinkError::new(failure, error)
}
