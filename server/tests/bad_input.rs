//! What must not be sent is refused by name, on both runtimes, and the server goes on.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]
#![expect(dead_code, reason = "each test uses a part of the support")]

#[path = "support/client.rs"]
mod client;
#[path = "support/port.rs"]
mod port;
#[path = "support/server.rs"]
mod server;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use client::{User, parse, raw, request};
use server::{On, Server};

#[test]
fn on_smol() {
    refusals("smol");
}

#[test]
fn on_tokio() {
    refusals("tokio");
}

fn refusals(runtime: &str) {
    let server = Server::start(On {
        runtime,
        db_url: None,
    });
    let user = User::register(server.address, "alice", &server.invite_token());
    heads(server.address);
    bodies(server.address, &user);
    hoarded_bodies(server.address);
    pipelines(server.address);
    upgrades(server.address, &user);
    frames(&user);
    assert_eq!(
        request(server.address, "GET", "/health", &[], "").body,
        "ok"
    );
}

fn heads(at: SocketAddr) {
    let status = |bytes: &[u8]| parse(&raw(at, bytes)).status;
    assert_eq!(status(b"\x16\x03\x01 garbage\r\n\r\n"), 400);
    assert_eq!(
        status(b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: caf\xc3\xa9\r\n\r\n"),
        400
    );
    let both = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(status(both), 400);
    let other = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n";
    assert_eq!(status(other), 400);
    let twice =
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}";
    assert_eq!(status(twice), 400);
    let long = format!(
        "GET /health HTTP/1.1\r\nHost: x\r\nX-A: {}\r\n\r\n",
        "a".repeat(100_000)
    );
    assert_eq!(status(long.as_bytes()), 431);
    let many = format!("GET /health HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert_eq!(status(many.as_bytes()), 431);
    assert_eq!(request(at, "GET", "/unknown", &[], "").status, 404);
    assert_eq!(request(at, "PUT", "/channels", &[], "").status, 405);
    assert_eq!(request(at, "BREW", "/channels", &[], "").status, 405);
}

fn bodies(at: SocketAddr, user: &User) {
    let post = |body: &str| request(at, "POST", "/auth/login", &[], body).status;
    for body in [
        "",
        "{",
        "[]",
        "{\"username\": 7}",
        "{\"odd\": \"field\"}",
        "{} {}",
        "\u{0}",
    ] {
        assert_eq!(post(body), 400, "{body:?}");
    }
    assert_eq!(post(&" ".repeat((1 << 20) + 1)), 413);
    let admin = user.call("POST", "/channels", &json!({"name_enc": 7}));
    assert_eq!(admin.status, 400);
    let early = raw_half(
        at,
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{}",
    );
    assert!(early.is_empty() || parse(&early).status == 400, "{early}");
}

/// Spec 5.42: who sends bodies that never end, of whatever size, keeps nobody else from being served.
fn hoarded_bodies(at: SocketAddr) {
    const HOARDED: usize = 128 << 20;
    let long_login = " ".repeat(1000);
    for (target, size, houses) in [
        ("/sigchain", 8 << 20, 1),
        ("/sigchain", 8 << 20, 16),
        ("/auth/login", 1 << 20, 1),
    ] {
        let hoard = |nth| {
            let head = format!(
                "POST {target} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.{}\r\n\
                 Content-Length: {size}\r\n\r\n",
                nth % houses
            );
            let mut stream = TcpStream::connect(at).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            // The server may refuse it midway.
            let _refused = stream.write_all(&vec![b' '; size - 1]);
            stream
        };
        let hoarded: Vec<_> = (0..HOARDED / size).map(hoard).collect();
        for _ in 0..10 {
            let from = [("X-Forwarded-For", "192.0.2.1")];
            let login = request(at, "POST", "/auth/login", &from, &long_login);
            assert_eq!(login.status, 400, "{target} from {houses}: {}", login.body);
            // The server may still be reading what was sent.
            thread::sleep(Duration::from_millis(50));
        }
        drop(hoarded);
    }
}

/// Sends bytes and then nothing more.
fn raw_half(at: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _end = stream.read_to_string(&mut answer);
    answer
}

fn pipelines(at: SocketAddr) {
    let one = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";
    let two = "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answers = raw(at, format!("{one}{two}").as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");

    let expecting = "POST /auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}";
    let answers = raw(at, expecting.as_bytes());
    assert!(answers.contains("HTTP/1.1 400"), "{answers}");
    assert!(!answers.ends_with("100 Continue\r\n\r\n"), "{answers}");
}

fn upgrades(at: SocketAddr, user: &User) {
    let auth = format!("Bearer {}", user.token);
    let unauthorized = request(at, "GET", "/ws", &[], "");
    assert_eq!((unauthorized.status, unauthorized.body.as_str()), (401, ""));
    let plain = request(at, "GET", "/ws", &[("Authorization", &auth)], "");
    assert_eq!(plain.status, 426);
    let handshake = format!(
        "GET /ws HTTP/1.1\r\nHost: {at}\r\nAuthorization: {auth}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    // Closed after the answer, so that its end is seen.
    let closing = handshake.replace("Connection: ", "Connection: close, ");
    let foreign = raw(
        at,
        format!("{closing}Origin: https://evil.example\r\nContent-Length: 0\r\n\r\n").as_bytes(),
    );
    assert_eq!(parse(&foreign).status, 403);

    // A frame in the same packet as the request is not lost: `{`, masked with zeros.
    let mut stream = TcpStream::connect(at).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut bytes = format!("{handshake}\r\n").into_bytes();
    bytes.extend([0x81, 0x81, 0, 0, 0, 0, b'{']);
    stream.write_all(&bytes).unwrap();
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !seen.contains("invalid_message") {
        let count = stream.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "{seen}");
        seen += &String::from_utf8_lossy(&buffer[..count]);
    }
    assert!(seen.starts_with("HTTP/1.1 101"), "{seen}");
    assert!(
        seen.to_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="),
        "{seen}"
    );
}

fn frames(user: &User) {
    let mut socket = user.socket();
    for (frame, code) in [
        ("", "invalid_message"),
        ("7", "invalid_message"),
        ("{\"type\": 7}", "invalid_message"),
        ("{\"type\": \"voice_fly\"}", "unsupported_type"),
    ] {
        socket.send_text(frame);
        assert_eq!(socket.wait("error")["code"], code, "{frame}");
    }
    let channel = user.create_channel("eA==");
    let message = |body: String| json!({"type": "channel.message.send", "channel_id": channel, "body": body, "sender_name_enc": "eA=="});
    socket.send(&message("A".repeat(16_385)));
    assert_eq!(socket.wait("error")["code"], "invalid_message");
    socket.send(&message("A".repeat(16_384)));
    assert_eq!(
        socket.wait("channel.message.new")["channel_id"],
        json!(channel)
    );

    // Past the frame limit the connection ends with the code that says so.
    let mut large = user.socket();
    large.send(&Value::from("A".repeat(40_000)));
    assert_eq!(large.close_code(), Some(1009));
}
