//! The routes, in tide.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dialtone_protocol::wire::http::{Request, Response, Route};
use tide::StatusCode;

use super::client;
use super::hub::{HubHandle, Reply};
use crate::metrics::Metrics;

/// What the routes need.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub(super) hub: HubHandle,
    pub(super) metrics: Arc<Metrics>,
}

/// Every route of the server but `/ws`, which needs the connection itself.
pub(super) fn routes(app: App) -> tide::Server<App> {
    let mut server = tide::with_state(app);
    let mut paths: Vec<&str> = Route::ALL.iter().map(|route| route.path()).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        server.at(path).all(call);
    }
    server.at("/metrics").get(metrics);
    // The hub's own words for what does not exist.
    server.at("/").all(call);
    server.at("/*").all(call);
    server
}

/// Carries a request to the hub and its answer back.
async fn call(mut request: tide::Request<App>) -> tide::Result {
    let body = request.body_bytes().await?;
    let method = request.method();
    let url = request.url();
    let parsed = Request::parse(
        method.as_ref(),
        url.path(),
        url.query().unwrap_or_default(),
        &body,
    );
    let response = match parsed {
        Err(refusal) => refusal,
        Ok(call) => ask(&request, call).await,
    };
    Ok(answer(response))
}

async fn ask(request: &tide::Request<App>, call: Request) -> Response {
    let app = request.state();
    app.metrics.requests.inc();
    let header = |name: &str| request.header(name).map(|value| value.as_str().to_owned());
    let (auth, admin_token) = (header("authorization"), header("x-admin-token"));
    match app.hub.ask(call, auth, admin_token, peer(request)).await {
        Some(Reply::Respond(response)) => response,
        Some(Reply::Accept(_)) | None => Response::error(503, "the server stops"),
    }
}

/// Numbers for the machine that the server runs on, and for nobody else: they tell how busy a community is.
async fn metrics(request: tide::Request<App>) -> tide::Result {
    if !peer(&request).is_some_and(|peer| peer.is_loopback()) {
        return Ok(answer(Response::error(403, "forbidden")));
    }
    Ok(answer(Response::text(
        200,
        &request.state().metrics.to_text(),
    )))
}

fn peer(request: &tide::Request<App>) -> Option<IpAddr> {
    let peer: SocketAddr = request.peer_addr()?.parse().ok()?;
    let forwarded_for = request.header(client::FORWARDED_FOR);
    let forwarded_for = forwarded_for.map(|values| values.last().as_str());
    Some(client::address(peer, forwarded_for))
}

/// The hub's answer as tide knows it.
fn answer(response: Response) -> tide::Response {
    let status = StatusCode::try_from(response.status).unwrap_or(StatusCode::InternalServerError);
    let mut answer = tide::Response::new(status);
    answer.set_body(response.body);
    if let Some(content_type) = response.content_type {
        answer.insert_header("content-type", content_type);
    } else {
        answer.remove_header("content-type");
    }
    answer
}
