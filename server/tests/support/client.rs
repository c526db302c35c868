//! A client that knows the base API only, byte by byte.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::{Message, WebSocket, client};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Longer than any answer takes, shorter than anybody's patience.
const PATIENCE: Duration = Duration::from_secs(120);

/// An answer over HTTP.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends bytes on a connection of their own and reads until the server closes.
pub(crate) fn raw(to: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(to);
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // A reset after the answer is as good as a close.
    let _end = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends one request.
pub(crate) fn request(
    to: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut text = format!(
        "{method} {target} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += "\r\n";
    text += body;
    parse(&raw(to, text.as_bytes()))
}

/// Reads the status and the body of a whole answer.
pub(crate) fn parse(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Answer {
        status: status.unwrap_or(0),
        body: body.to_owned(),
    }
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A user of the base API who has logged in.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) server: SocketAddr,
    pub(crate) token: String,
    pub(crate) id: String,
    pub(crate) device: String,
    pub(crate) is_admin: bool,
}

/// A WebSocket of such a user.
pub(crate) struct Socket(WebSocket<TcpStream>);

pub(crate) fn credentials(name: &str, invite: Option<&str>) -> Value {
    let mut key = [0; 32];
    key[..name.len()].copy_from_slice(name.as_bytes());
    let mut body = json!({
        "username": name,
        "password": "correct horse 1",
        "public_key": STANDARD.encode(key),
    });
    if let Some(invite) = invite {
        body["invite_token"] = invite.into();
    }
    body
}

impl User {
    pub(crate) fn register(server: SocketAddr, name: &str, invite: &str) -> Self {
        let body = credentials(name, Some(invite)).to_string();
        let answer = request(server, "POST", "/auth/register", &[], &body);
        assert_eq!(answer.status, 201, "{answer:?}");
        Self::from_answer(server, &answer.json())
    }

    pub(crate) fn log_in(server: SocketAddr, name: &str) -> Self {
        let body = credentials(name, None).to_string();
        let answer = request(server, "POST", "/auth/login", &[], &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        Self::from_answer(server, &answer.json())
    }

    fn from_answer(server: SocketAddr, answer: &Value) -> Self {
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        Self {
            server,
            token: text("token"),
            id: text("user_id"),
            device: text("device_id"),
            is_admin: answer["is_admin"].as_bool().unwrap(),
        }
    }

    pub(crate) fn call(&self, method: &str, target: &str, body: &Value) -> Answer {
        let auth = format!("Bearer {}", self.token);
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        request(
            self.server,
            method,
            target,
            &[("Authorization", &auth)],
            &body,
        )
    }

    /// Makes a channel; answers its id.
    pub(crate) fn create_channel(&self, name: &str) -> String {
        let answer = self.call("POST", "/channels", &json!({ "name_enc": name }));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["channel"]["id"].as_str().unwrap().to_owned()
    }

    /// A connection that the server has started.
    pub(crate) fn socket(&self) -> Socket {
        let mut request = format!("ws://{}/ws", self.server)
            .into_client_request()
            .unwrap();
        let auth = format!("Bearer {}", self.token).parse().unwrap();
        request.headers_mut().insert("authorization", auth);
        let (socket, _) = client(request, connect(self.server)).unwrap();
        let mut socket = Socket(socket);
        // From here on the hub knows the connection: it misses nothing.
        socket.wait("voice.presence.snapshot");
        socket
    }
}

impl Socket {
    pub(crate) fn send(&mut self, event: &Value) {
        self.send_text(&event.to_string());
    }

    pub(crate) fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    /// Queues an event without waiting for the network. Says no when the connection is gone.
    pub(crate) fn try_send(&mut self, event: &Value) -> bool {
        self.0.send(Message::text(event.to_string())).is_ok()
    }

    /// Reads what comes from now on and throws it away.
    pub(crate) fn discard(&self) {
        let mut stream = self.0.get_ref().try_clone().unwrap();
        thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
    }

    /// The next event; nothing when the connection ended.
    pub(crate) fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The code of the close frame that ends the connection.
    pub(crate) fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.0.read() {
                Ok(Message::Close(frame)) => return frame.map(|frame| frame.code.into()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Skips events until one of this type.
    pub(crate) fn wait(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().unwrap();
            if event["type"] == kind {
                return event;
            }
        }
    }
}
