//! The WebSocket: one task reads, one writes. The server's pings are answered by the library under it.

use std::sync::Arc;

use async_channel::Receiver;
use async_tungstenite::tungstenite::client::ClientRequestBuilder;
use async_tungstenite::tungstenite::http::Uri;
use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::tungstenite::{self, Message};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, client_async_with_config};
use dialtone_protocol::client::LinkFailure;
use dialtone_protocol::limits::MAX_REQUEST_BYTES;
use dialtone_protocol::runtime::Runtime;
use futures_util::StreamExt;

use super::wire::Wire;
use super::{Connector, LinkError, timing};

/// Something that happened to the socket.
#[derive(Debug)]
#[non_exhaustive]
pub enum Happened {
    /// It is open.
    Opened,
    /// The server sent this.
    Frame(String),
    /// It is not open any more, or could not be opened.
    Closed(LinkError),
}

/// The largest event that is read. Events of ours fit into a frame; lists of the base API have no bound of their own.
const MAX_EVENT_BYTES: usize = MAX_REQUEST_BYTES;

/// What a socket keeps for reading at rest. The library's default is far more than events need.
const BUFFER_BYTES: usize = 16 << 10;

/// Opens a socket, then carries frames both ways until it ends. `outgoing` closing ends it in order.
///
/// `report` is called with everything that happens, in order, [`Happened::Closed`] being the last.
pub async fn run<R: Runtime, F>(
    connector: Arc<Connector<R>>,
    token: String,
    outgoing: Receiver<String>,
    report: impl Fn(Happened) -> F + Send + Sync + 'static,
) where
    F: Future<Output = ()> + Send,
{
    match open(&connector, &token).await {
        Ok((sender, receiver)) => {
            report(Happened::Opened).await;
            // When one side ends, the other has nothing left to do: dropping `gone` tells the writer.
            let (alive, gone) = async_channel::bounded::<()>(1);
            connector
                .runtime()
                .spawn(write(connector.runtime().clone(), sender, outgoing, gone));
            let ended = read(connector.runtime(), receiver, &report).await;
            drop(alive);
            report(Happened::Closed(ended)).await;
        }
        Err(error) => report(Happened::Closed(error)).await,
    }
}

async fn open<R: Runtime>(
    connector: &Connector<R>,
    token: &str,
) -> Result<
    (
        WebSocketSender<Box<dyn Wire>>,
        WebSocketReceiver<Box<dyn Wire>>,
    ),
    LinkError,
> {
    let server = connector.server();
    let scheme = if server.is_tls() { "wss" } else { "ws" };
    let uri: Uri = format!("{scheme}://{}{}", server.authority(), server.path("/ws"))
        .parse()
        .map_err(|error| LinkError::new(LinkFailure::Unreachable, error))?;
    let request =
        ClientRequestBuilder::new(uri).with_header("Authorization", format!("Bearer {token}"));
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_EVENT_BYTES))
        .max_frame_size(Some(MAX_EVENT_BYTES))
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES);

    let stream = connector.open().await?;
    let upgrade = client_async_with_config(request, stream, Some(config));
    match timing::within(connector.runtime(), timing::HANDSHAKE, upgrade).await {
        Some(Ok((socket, _))) => Ok(socket.split()),
        Some(Err(error)) => Err(named(&error)),
        None => Err(LinkError::new(
            LinkFailure::TimedOut,
            "the upgrade to a WebSocket was not answered",
        )),
    }
}

async fn read<R: Runtime, F: Future<Output = ()>>(
    runtime: &R,
    mut receiver: WebSocketReceiver<Box<dyn Wire>>,
    report: &impl Fn(Happened) -> F,
) -> LinkError {
    loop {
        let Some(next) = timing::within(runtime, timing::SILENCE, receiver.next()).await else {
            return LinkError::new(LinkFailure::TimedOut, "nothing came over the socket");
        };
        match next {
            Some(Ok(Message::Text(text))) => {
                report(Happened::Frame(text.as_str().to_owned())).await
            }
            Some(Ok(Message::Binary(bytes))) => match String::from_utf8(bytes.to_vec()) {
                Ok(text) => report(Happened::Frame(text)).await,
                Err(error) => return LinkError::new(LinkFailure::Garbled, error),
            },
            Some(Ok(Message::Close(Some(close)))) => {
                return LinkError::new(
                    LinkFailure::Lost,
                    format_args!("the server closed it: {} {}", close.code, close.reason),
                );
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return named(&error),
            None => return LinkError::new(LinkFailure::Lost, "the server closed it"),
        }
    }
}

async fn write<R: Runtime>(
    runtime: R,
    mut sender: WebSocketSender<Box<dyn Wire>>,
    outgoing: Receiver<String>,
    gone: Receiver<()>,
) {
    let frames = async {
        while let Ok(frame) = outgoing.recv().await {
            let sent = timing::within(&runtime, timing::WRITE, sender.send(Message::text(frame)));
            if !matches!(sent.await, Some(Ok(()))) {
                break;
            }
        }
        // The reader sees the end of the connection, however it came.
        timing::within(&runtime, timing::WRITE, sender.close(None)).await;
    };
    let ended = gone.recv();
    futures_util::future::select(std::pin::pin!(frames), std::pin::pin!(ended)).await;
}

fn named(error: &tungstenite::Error) -> LinkError {
    let failure = match error {
        tungstenite::Error::Http(response) => LinkFailure::Refused(response.status().as_u16()),
        tungstenite::Error::Io(_)
        | tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed => LinkFailure::Lost,
        _ => LinkFailure::Garbled,
    };
    LinkError::new(failure, error)
}
