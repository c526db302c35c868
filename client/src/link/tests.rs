//! The way to a server, against small servers made here.

use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_channel::Receiver;
use async_tungstenite::tungstenite::Message;
use dialtone_protocol::client::{HttpCall, LinkFailure};
use dialtone_protocol::runtime::{Listener, Runtime};
use dialtone_protocol::wire::http::Method;
use dialtone_runtime_smol::Smol;
use futures_rustls::TlsAcceptor;
use futures_util::{AsyncReadExt, AsyncWriteExt, StreamExt};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::PrivateKeyDer;

use super::http::Caller;
use super::wire::Wire;
use super::ws::{self, Happened};
use super::{Connector, Tls, Trust};

type Stream = <Smol as Runtime>::Stream;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

fn run<F: Future<Output = ()>>(test: impl FnOnce(Smol) -> F) {
    Smol::run(NonZero::new(2).unwrap(), test).unwrap();
}

/// Serves each connection with `serve`; gives back the port and the count of connections.
async fn serve<F: Future<Output = ()> + Send + 'static>(
    runtime: &Smol,
    serve: impl Fn(Stream) -> F + Send + Sync + 'static,
) -> (u16, Arc<AtomicUsize>) {
    let listener = runtime.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let (counted, inner) = (Arc::clone(&connections), runtime.clone());
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            inner.spawn(serve(stream));
        }
    });
    (port, connections)
}

/// Reads the head of one request; false at the end of the connection.
async fn read_request(stream: &mut (impl Wire + ?Sized)) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_exact(&mut byte).await.is_err() {
            return false;
        }
        head.extend(byte);
    }
    true
}

async fn answer_all(mut stream: impl Wire, answer: &'static [u8]) {
    while read_request(&mut stream).await {
        stream.write_all(answer).await.unwrap();
    }
}

fn connector(runtime: &Smol, url: &str, trust: &Trust) -> Arc<Connector<Smol>> {
    let server = url.parse().unwrap();
    Arc::new(Connector::new(runtime.clone(), server, trust).unwrap())
}

fn caller(runtime: &Smol, port: u16) -> Caller<Smol> {
    let url = format!("http://127.0.0.1:{port}");
    Caller::new(connector(runtime, &url, &Trust::System))
}

fn get() -> HttpCall {
    HttpCall {
        method: Method::Get,
        path_and_query: "/channels".into(),
        content_type: None,
        body: Vec::new(),
    }
}

async fn failure(caller: &Caller<Smol>) -> LinkFailure {
    caller.call(get(), None).await.unwrap_err().failure
}

#[test]
fn calls_share_a_connection() {
    run(async |runtime| {
        let (port, connections) = serve(&runtime, |stream| answer_all(stream, OK)).await;
        let caller = caller(&runtime, port);
        for _ in 0..3 {
            let answer = caller.call(get(), Some("token".into())).await.unwrap();
            assert_eq!(
                (answer.status, answer.body.as_slice()),
                (200, b"hello".as_slice())
            );
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1);
    });
}

/// Spec 10.9: a request that was not written is made on another connection.
#[test]
fn a_kept_connection_that_ended_is_replaced() {
    run(async |runtime| {
        let once = |mut stream: Stream| async move {
            read_request(&mut stream).await;
            stream.write_all(OK).await.unwrap();
        };
        let (port, connections) = serve(&runtime, once).await;
        let caller = caller(&runtime, port);
        for _ in 0..3 {
            caller.call(get(), None).await.unwrap();
            while caller.keeps_an_open_one() {
                let soon = runtime.now() + std::time::Duration::from_millis(5);
                runtime.sleep_until(soon).await;
            }
        }
        assert_eq!(connections.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn what_is_no_answer_is_named() {
    run(async |runtime| {
        let garbage: &[u8] = b"\x16\x03\x01 this is not HTTP\r\n\r\n";
        let (port, _) = serve(&runtime, move |stream| answer_all(stream, garbage)).await;
        assert_eq!(failure(&caller(&runtime, port)).await, LinkFailure::Garbled);

        let huge: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
        let (port, _) = serve(&runtime, move |mut stream: Stream| async move {
            read_request(&mut stream).await;
            stream.write_all(huge).await.unwrap();
            let page = vec![0; 1 << 20];
            while stream.write_all(&page).await.is_ok() {}
        })
        .await;
        assert_eq!(failure(&caller(&runtime, port)).await, LinkFailure::Garbled);

        let (port, _) = serve(&runtime, |stream| async move { drop(stream) }).await;
        assert_eq!(failure(&caller(&runtime, port)).await, LinkFailure::Lost);
    });
}

#[test]
fn a_server_that_is_not_there_is_unreachable() {
    run(async |runtime| {
        // Nobody serves the port multiplexer, and the system lends its port to nobody.
        assert_eq!(
            failure(&caller(&runtime, 1)).await,
            LinkFailure::Unreachable
        );
        let url = "http://no-such-host.invalid";
        let caller = Caller::new(connector(&runtime, url, &Trust::System));
        assert_eq!(failure(&caller).await, LinkFailure::Unreachable);
    });
}

/// Spec 10.11.
#[test]
fn only_a_trusted_certificate_is_talked_to() {
    run(async |runtime| {
        let dir = tempfile::tempdir().unwrap();
        let (acceptor, ca) = certified("localhost");
        let (ours, theirs) = (dir.path().join("ours"), dir.path().join("theirs"));
        std::fs::write(&ours, ca).unwrap();
        std::fs::write(&theirs, certified("localhost").1).unwrap();
        let (port, _) = serve(&runtime, move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let accepted: io::Result<_> = acceptor.accept(stream).await;
                if let Ok(stream) = accepted {
                    answer_all(stream, OK).await;
                }
            }
        })
        .await;
        let call = async |host: &str, trust: Trust| {
            let url = format!("https://{host}:{port}");
            let caller = Caller::new(connector(&runtime, &url, &trust));
            let answer = caller.call(get(), None).await;
            answer
                .map(|answer| answer.status)
                .map_err(|error| error.failure)
        };
        assert_eq!(call("localhost", Trust::File(ours.clone())).await, Ok(200));
        assert_eq!(
            call("localhost", Trust::File(theirs)).await,
            Err(LinkFailure::Untrusted)
        );
        assert_eq!(
            call("127.0.0.1", Trust::File(ours)).await,
            Err(LinkFailure::Untrusted)
        );
    });
}

#[test]
fn a_file_without_authorities_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty");
    std::fs::write(&path, "nothing").unwrap();
    assert!(Tls::new(&Trust::File(path)).is_err());
    assert!(Tls::new(&Trust::File(dir.path().join("missing"))).is_err());
}

#[test]
fn frames_go_both_ways_until_the_server_ends_it() {
    run(async |runtime| {
        let (port, _) = serve(&runtime, |stream| async move {
            let mut socket = async_tungstenite::accept_async(stream).await.unwrap();
            for _ in 0..2 {
                let frame = socket.next().await.unwrap().unwrap();
                socket.send(frame).await.unwrap();
            }
            socket.send(Message::Binary("binary".into())).await.unwrap();
            socket.close(None).await.unwrap();
        })
        .await;
        let (frames, happened) = open_socket(&runtime, port);
        assert!(matches!(happened.recv().await, Ok(Happened::Opened)));
        for text in ["one", "two"] {
            frames.send(text.to_owned()).await.unwrap();
        }
        for expected in ["one", "two", "binary"] {
            let next = happened.recv().await.unwrap();
            assert!(
                matches!(&next, Happened::Frame(frame) if frame == expected),
                "{next:?}"
            );
        }
        let last = happened.recv().await.unwrap();
        assert!(
            matches!(&last, Happened::Closed(error) if error.failure == LinkFailure::Lost),
            "{last:?}"
        );
        assert!(happened.recv().await.is_err());
    });
}

#[test]
fn a_refused_socket_says_with_which_status() {
    run(async |runtime| {
        let refusal: &[u8] = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
        let (port, _) = serve(&runtime, move |stream| answer_all(stream, refusal)).await;
        let (_frames, happened) = open_socket(&runtime, port);
        let first = happened.recv().await.unwrap();
        assert!(
            matches!(&first, Happened::Closed(error) if error.failure == LinkFailure::Refused(401)),
            "{first:?}"
        );
    });
}

fn open_socket(runtime: &Smol, port: u16) -> (async_channel::Sender<String>, Receiver<Happened>) {
    let (frames, outgoing) = async_channel::unbounded();
    let (report, happened) = async_channel::unbounded();
    let url = format!("http://127.0.0.1:{port}");
    let report = move |what| {
        let report = report.clone();
        async move {
            let _ = report.send(what).await;
        }
    };
    let connector = connector(runtime, &url, &Trust::System);
    runtime.spawn(ws::run(connector, "token".into(), outgoing, report));
    (frames, happened)
}

/// A server's side of TLS for a host, and the PEM file that trusts it.
fn certified(host: &str) -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}
