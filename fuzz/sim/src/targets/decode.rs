//! Every decoder of what comes over the wire: no bytes panic, and what decodes survives being encoded again.

use core::fmt::Debug;

use dialtone_protocol::sigchain::Entry;
use dialtone_protocol::voice::ipc::{Command, Event};
use dialtone_protocol::wire::cbor;
use dialtone_protocol::wire::chain::{
    Append, Appended, ChainPage, EnvelopePage, Envelopes, NamePage, Names, Owed,
};
use dialtone_protocol::wire::event::ServerEvent;
use dialtone_protocol::wire::frame::ClientFrame;
use dialtone_protocol::wire::http::{Request, Route};
use dialtone_protocol::wire::ice_url::IceUrl;
use dialtone_protocol::wire::link::Link;

/// Takes a byte that chooses the decoder, then what it decodes.
pub fn run(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    match choice % 16 {
        0 => text(bytes, own_frame, ClientFrame::to_text),
        1 => text(
            bytes,
            |text| ServerEvent::parse(text.as_bytes()).ok(),
            ServerEvent::to_text,
        ),
        2 => text(bytes, |text| Link::parse(text).ok(), Link::to_text),
        3 => record::<Append>(bytes),
        4 => record::<Appended>(bytes),
        5 => record::<ChainPage>(bytes),
        6 => record::<EnvelopePage>(bytes),
        7 => record::<Envelopes>(bytes),
        8 => record::<NamePage>(bytes),
        9 => record::<Names>(bytes),
        10 => record::<Owed>(bytes),
        11 => {
            if let Ok(entry) = Entry::decode(bytes) {
                assert_eq!(
                    entry.bytes(),
                    bytes,
                    "an entry keeps the bytes that were signed"
                );
            }
        }
        12 => text(bytes, ipc_command, Command::to_line),
        13 => text(bytes, ipc_event, Event::to_line),
        14 => text(bytes, |text| IceUrl::parse(text).ok(), IceUrl::to_string),
        _ => request(bytes),
    }
}

fn ipc_command(line: &str) -> Option<Command> {
    Command::parse(line.as_bytes()).ok()?
}

/// Figures that are no numbers are written as nothing, and are not sent.
fn ipc_event(line: &str) -> Option<Event> {
    Event::parse(line.as_bytes())
        .ok()?
        .filter(|event| !matches!(event, Event::Quality { .. }))
}

/// A frame that our clients send. Of those that only clients of the original send, no more than the kind is kept.
fn own_frame(text: &str) -> Option<ClientFrame> {
    let frame = ClientFrame::parse(text.as_bytes()).ok()?;
    let original = matches!(
        frame,
        ClientFrame::DirectMessage | ClientFrame::Broadcast | ClientFrame::Unsupported
    );
    (!original).then_some(frame)
}

/// A request to any route: the second byte chooses it, a zero byte parts query and body.
fn request(bytes: &[u8]) {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let Some(route) = Route::ALL.get(usize::from(*choice) % Route::ALL.len()) else {
        return;
    };
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let query = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let body = parts.next().unwrap_or_default();
    let _ = Request::parse(route.method().as_str(), route.path(), &query, body);
}

fn text<T: PartialEq + Debug>(
    bytes: &[u8],
    parse: impl Fn(&str) -> Option<T>,
    print: impl Fn(&T) -> String,
) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Some(parsed) = parse(text) {
        assert_eq!(
            parse(&print(&parsed)),
            Some(parsed),
            "what is printed reads as the same"
        );
    }
}

fn record<T>(bytes: &[u8])
where
    T: PartialEq + Debug + minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>,
{
    if let Ok(record) = cbor::decode::<T>(bytes) {
        let encoded = cbor::encode(&record);
        assert_eq!(
            cbor::decode::<T>(&encoded),
            Ok(record),
            "what is encoded decodes as the same"
        );
    }
}
