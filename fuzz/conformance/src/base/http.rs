//! Calls of the HTTP API, one connection each: they are few, and none of them is measured.

use std::pin::pin;

use dialtone_protocol::runtime::Runtime;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use serde_json::Value;
use smol_hyper::rt::FuturesIo;

use super::{Address, BaseError};

/// The largest answer that is read: a list of channels.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// Calls `method path` with a header and a JSON body, and reads the JSON that comes back.
pub(super) async fn call<R: Runtime>(
    runtime: &R,
    server: &Address,
    method: &str,
    path: &str,
    header: (&str, &str),
    body: Option<&Value>,
) -> Result<Value, BaseError> {
    let garbled = |error: &dyn std::fmt::Display| BaseError::Garbled(error.to_string());
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, &server.authority)
        .header(CONTENT_TYPE, "application/json")
        .header(header.0, header.1)
        .body(Full::new(Bytes::from(
            body.map(Value::to_string).unwrap_or_default(),
        )))
        .map_err(|error| BaseError::Address(error.to_string()))?;

    let stream = FuturesIo::new(runtime.connect(server.socket).await?);
    let (mut sender, connection) = http1::handshake(stream)
        .await
        .map_err(|error| garbled(&error))?;
    let answer = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| garbled(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| garbled(&error))?
            .to_bytes();
        Ok::<_, BaseError>((status, body))
    };
    // The connection runs beside the answer, and may end first.
    let (status, body) = match select(pin!(answer), pin!(connection)).await {
        Either::Left((answer, _)) => answer?,
        Either::Right((_, answer)) => answer.await?,
    };
    if !(200..300).contains(&status) {
        return Err(BaseError::Refused {
            call: format!("{method} {path}"),
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        });
    }
    serde_json::from_slice(&body).map_err(|error| garbled(&error))
}
