//! Opens a WebSocket by hand, since the frames on it are read by hand.

use async_tungstenite::tungstenite::handshake::client::generate_key;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use dialtone_protocol::runtime::Runtime;
use futures_util::{AsyncReadExt, AsyncWriteExt};

use super::{Account, Address, BaseError};

/// The longest head of an answer that is read.
const MAX_HEAD: usize = 8 << 10;

/// Opens `/ws`. Gives the stream and the bytes after the answer's head, which are the beginning of the frames.
pub(crate) async fn open<R: Runtime>(
    runtime: &R,
    server: &Address,
    account: &Account,
) -> Result<(R::Stream, Vec<u8>), BaseError> {
    let key = generate_key();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n",
        server.authority, account.token
    );
    let mut stream = runtime.connect(server.socket).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::with_capacity(MAX_HEAD);
    let end = loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break end + 4;
        }
        if bytes.len() >= MAX_HEAD {
            return Err(BaseError::Garbled("the answer has no end".into()));
        }
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(BaseError::Io("the server closed it".into()));
        }
        bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
    };
    let frames = bytes.split_off(end);
    check(&String::from_utf8_lossy(&bytes), &key)?;
    Ok((stream, frames))
}

/// Whether the head agrees to the upgrade that was asked for with `key`.
fn check(head: &str, key: &str) -> Result<(), BaseError> {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status: u16 = status.and_then(|text| text.parse().ok()).unwrap_or(0);
    if status != 101 {
        return Err(BaseError::Refused {
            call: "GET /ws".into(),
            status,
            body: String::new(),
        });
    }
    let accept = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-accept"));
    match accept {
        Some((_, value)) if value.trim() == derive_accept_key(key.as_bytes()) => Ok(()),
        _ => Err(BaseError::Garbled("it accepts another key".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_to_our_own_key_opens_a_socket() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let good = "HTTP/1.1 101 Switching Protocols\r\n\
                    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert_eq!(check(good, key), Ok(()));
        assert!(matches!(check(good, "other"), Err(BaseError::Garbled(_))));
        assert!(matches!(
            check("HTTP/1.1 401 Unauthorized\r\n\r\n", key),
            Err(BaseError::Refused { status: 401, .. })
        ));
    }
}
