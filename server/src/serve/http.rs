//! Between hyper, which reads and writes HTTP, and tide, which routes it.

use std::convert::Infallible;
use std::net::SocketAddr;

use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::wire::http::{Response, Route};
use http_body_util::Full;
use http_types::Url;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};

use super::{Gate, body, client, upgrade};

/// Serves one request.
pub(super) async fn serve<R: Runtime>(
    gate: Gate<R>,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    if let Err(refusal) = check(&request) {
        return Ok(closing(refusal));
    }
    if request.uri().path() == Route::WebSocket.path() {
        return Ok(upgrade::serve(gate, peer, request).await);
    }
    Ok(match route(&gate, peer, request).await {
        Ok(response) => response,
        // What is left of the body is not read: the connection cannot be used again.
        Err(refusal) => closing(refusal),
    })
}

/// Refuses what would be read differently by others on the way, or not at all by tide.
fn check(request: &hyper::Request<Incoming>) -> Result<(), Response> {
    let headers = request.headers();
    // hyper forgets a length that comes with chunks, so that the pair can only be refused by refusing chunks.
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(Response::error(
            400,
            "a body needs a content-length and no transfer-encoding",
        ));
    }
    // http-types panics on such a value.
    if headers.values().any(|value| value.to_str().is_err()) {
        return Err(Response::error(400, "header values must be ascii"));
    }
    Ok(())
}

async fn route<R: Runtime>(
    gate: &Gate<R>,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Response> {
    let (head, body) = request.into_parts();
    let bad = || Response::error(400, "bad request");
    let known = Route::find(head.method.as_str(), head.uri.path());
    let Ok(method) = head.method.as_str().parse() else {
        // A method that tide does not know is wrong everywhere.
        return Err(known.err().unwrap_or_else(bad));
    };
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let url = Url::parse(&format!("http://server{target}")).map_err(|_| bad())?;
    let limit = known.map_or(0, |route| route.max_body());
    let mut share = gate.bodies.share(&body, client::of(peer, &head.headers));
    let body = body::collect(&gate.runtime, body, limit, &mut share).await?;
    let mut asked = http_types::Request::new(method, url);
    for (name, value) in &head.headers {
        // Checked before: every value is ASCII.
        asked.append_header(name.as_str(), value.to_str().unwrap_or_default());
    }
    asked.set_peer_addr(Some(peer));
    asked.set_body(body);
    let answered: http_types::Result<http_types::Response> = gate.app.respond(asked).await;
    let mut answered = answered.map_err(|_| Response::error(500, "internal error"))?;
    let status = u16::from(answered.status());
    let content_type = answered
        .header("content-type")
        .and_then(|value| HeaderValue::from_str(value.as_str()).ok());
    let body = answered
        .take_body()
        .into_bytes()
        .await
        .map_err(|_| Response::error(500, "internal error"))?;
    Ok(build(status, content_type, body))
}

/// The hub's answer as hyper knows it.
pub(super) fn respond(response: Response) -> hyper::Response<Full<Bytes>> {
    let content_type = response.content_type.map(HeaderValue::from_static);
    build(response.status, content_type, response.body)
}

/// Like [`respond`], and the connection ends with it.
fn closing(response: Response) -> hyper::Response<Full<Bytes>> {
    let mut response = respond(response);
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

fn build(
    status: u16,
    content_type: Option<HeaderValue>,
    body: Vec<u8>,
) -> hyper::Response<Full<Bytes>> {
    let mut response = hyper::Response::new(Full::from(body));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}
