//! `/ws`: from an HTTP request to a WebSocket on the same connection.

use std::net::SocketAddr;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use dialtone_protocol::hub::SessionKey;
use dialtone_protocol::limits;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::wire::http::{Request, Response, Route};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::Upgraded;
use smol_hyper::rt::FuturesIo;
use tracing::debug;

use super::batched::Batched;
use super::hub::Reply;
use super::stream::Stream;
use super::{Gate, client, http, socket};

/// Bytes read from a socket at a time. Small, since every idle connection holds it.
const READ_BUFFER: usize = 2048;

/// Bytes of frames that are written at a time. Small for the same reason; [`Batched`] makes larger writes of them.
const WRITE_BUFFER: usize = 1 << 10;

/// Answers a request for a WebSocket. The order is the original's: who asks, then how.
pub(super) async fn serve<R: Runtime>(
    gate: Gate<R>,
    peer: SocketAddr,
    mut request: hyper::Request<Incoming>,
) -> hyper::Response<Full<Bytes>> {
    let (headers, method) = (request.headers(), request.method().as_str());
    let header = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let query = request.uri().query().unwrap_or_default();
    let call = match Request::parse(method, Route::WebSocket.path(), query, &[]) {
        Ok(call) => call,
        Err(refusal) => return http::respond(refusal),
    };
    let checked = check(headers);
    let call = match &checked {
        Ok(_) => call,
        // Refused after its authorisation was checked, and without a permission that would never be used.
        Err(refusal) => Request::Malformed {
            route: Route::WebSocket,
            refusal: refusal.clone(),
        },
    };
    let auth = header("authorization");
    let from = Some(client::of(peer, headers));
    let session = match gate.hub.ask(call, auth, None, from).await {
        Some(Reply::Accept(session)) => session,
        Some(Reply::Respond(response)) => return http::respond(response),
        None => return http::respond(Response::error(503, "the server stops")),
    };
    let accept = match checked {
        Ok(accept) => accept,
        Err(refusal) => return http::respond(refusal),
    };
    let upgrading = hyper::upgrade::on(&mut request);
    let runtime = gate.runtime.clone();
    runtime.spawn(async move {
        match upgrading.await {
            Ok(upgraded) => talk(gate, session, upgraded).await,
            Err(error) => debug!(%error, "an upgrade failed"),
        }
    });
    switching(accept)
}

/// Checks the handshake of RFC 6455; answers the value of `Sec-WebSocket-Accept`.
fn check(headers: &HeaderMap) -> Result<HeaderValue, Response> {
    if !has_token(headers, &UPGRADE, "websocket") || !has_token(headers, &CONNECTION, "upgrade") {
        return Err(Response::error(426, "a websocket upgrade is required"));
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes)
        != Some(b"13")
    {
        return Err(Response::error(400, "websocket version 13 is required"));
    }
    if !is_same_origin(headers) {
        return Err(Response::error(403, "foreign origin"));
    }
    let key = headers
        .get(SEC_WEBSOCKET_KEY)
        .ok_or_else(|| Response::error(400, "sec-websocket-key is missing"))?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| Response::error(400, "sec-websocket-key is malformed"))
}

/// Whether a header's list of words holds one, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|word| word.trim().eq_ignore_ascii_case(token))
}

/// Only a browser sends an `Origin`, and only a page of this very host may speak for its user.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|it| it.split_once("://"));
    match (origin, host) {
        (Some((_, origin)), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

fn switching(accept: HeaderValue) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::default());
    *response.status_mut() = hyper::StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

async fn talk<R: Runtime>(gate: Gate<R>, session: SessionKey, upgraded: Upgraded) {
    let Ok(parts) = upgraded.downcast::<FuturesIo<Stream<R>>>() else {
        return debug!("an upgraded connection is not one of ours");
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(4 * limits::MAX_FRAME_BYTES + WRITE_BUFFER)
        .max_message_size(Some(limits::MAX_FRAME_BYTES))
        .max_frame_size(Some(limits::MAX_FRAME_BYTES));
    // A frame may have come in the same packet as the request.
    let already_read = parts.read_buf.to_vec();
    // hyper's buffer would else stay for as long as the connection.
    drop(parts.read_buf);
    let stream = Batched::new(parts.io.into_inner());
    let ws = WebSocketStream::from_partially_read(stream, already_read, Role::Server, Some(config))
        .await;
    socket::run(gate, session, ws).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_is_checked() {
        let good = [
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("host", "chat.example"),
        ];
        // The example of RFC 6455, section 1.3.
        assert_eq!(
            check(&headers(&good)).unwrap(),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        for (missing, status) in [(0, 426), (1, 426), (2, 400), (3, 400)] {
            let mut some = good.to_vec();
            some.remove(missing);
            assert_eq!(check(&headers(&some)).unwrap_err().status, status);
        }
        for (origin, ok) in [
            ("https://chat.example", true),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let some = [&good[..], &[("origin", origin)]].concat();
            assert_eq!(check(&headers(&some)).is_ok(), ok, "{origin}");
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }
}
