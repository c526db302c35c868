//! Servers that say anything.

use proptest::prelude::*;
use turn_client_proto::types::attribute::XorPeerAddress;
use turn_client_proto::types::message::DATA;
use turn_client_proto::types::stun::attribute::{AttributeType, RawAttribute};
use turn_client_proto::types::stun::message::{
    Message, MessageClass, MessageType, MessageWriteVec,
};
use turn_client_proto::types::stun::prelude::*;

use super::world::{World, address, place, server, signed};
use crate::media::SocketId;
use crate::media::frames::MAX_MESSAGE;

/// The attributes that sign a message: MESSAGE-INTEGRITY, the same with SHA-256, FINGERPRINT (RFC 8489, section 18.3).
const SIGNS: [u16; 3] = [0x0008, 0x001c, 0x8028];

/// Something that a server says.
#[derive(Clone, Debug)]
enum Said {
    Bytes(Vec<u8>),
    /// To what it was last asked.
    Answer {
        class: MessageClass,
        signed: bool,
        attributes: Vec<(u16, Vec<u8>)>,
    },
    /// From another device.
    Data(Vec<u8>),
    Wait(u64),
}

impl Said {
    fn any() -> impl Strategy<Value = Self> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..100);
        let value = prop_oneof![
            bytes(),
            "obMatJos2\\PC{0,8}".prop_map(String::into_bytes),
            (0..7_u8, 0..100_u8).prop_map(|(class, number)| vec![0, 0, class, number]),
            any::<[u8; 8]>().prop_map(|it| [&[0, 1], &it[..6]].concat()),
            (any::<u32>()).prop_map(|it| it.to_be_bytes().to_vec()),
        ];
        // Codes, realms, nonces, addresses, lifetimes, algorithms, and whatever there is.
        let kinds = [
            9, 0x14, 0x15, 0x16, 0x20, 0x0d, 0x12, 0x13, 0x1d, 0x8002, 0x2a, 6,
        ];
        // What signs a message is not put in as it is: whatever signs here signs well, or not at all.
        let others = any::<u16>().prop_filter("signs", |kind| !SIGNS.contains(kind));
        let kind = prop_oneof![prop::sample::select(kinds.to_vec()), others];
        let class = prop_oneof![
            Just(MessageClass::Success),
            Just(MessageClass::Error),
            Just(MessageClass::Request),
            Just(MessageClass::Indication)
        ];
        let attributes = prop::collection::vec((kind, value), 0..6);
        prop_oneof![
            bytes().prop_map(Self::Bytes),
            (class, any::<bool>(), attributes).prop_map(|(class, signed, attributes)| {
                Self::Answer {
                    class,
                    signed,
                    attributes,
                }
            }),
            bytes().prop_map(Self::Data),
            (0..2000_u64).prop_map(Self::Wait),
        ]
    }

    fn bytes(&self, last: &[u8]) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Wait(_) => Vec::new(),
            Self::Data(data) => {
                let message = Message::builder_indication(DATA, MessageWriteVec::new());
                let id = Message::from_bytes(message.data())
                    .unwrap()
                    .transaction_id();
                let mut message = message;
                let peer = XorPeerAddress::new(address("203.0.113.9:99"), id);
                message.add_attribute(&peer).unwrap();
                message
                    .add_attribute(&RawAttribute::new(AttributeType::new(0x13), data))
                    .unwrap();
                message.finish()
            }
            Self::Answer {
                class,
                signed: is_signed,
                attributes,
            } => {
                let Ok(request) = Message::from_bytes(last) else {
                    return Vec::new();
                };
                let kind = MessageType::from_class_method(*class, request.method());
                let id = request.transaction_id();
                let mut message = Message::builder(kind, id, MessageWriteVec::new());
                for (kind, value) in attributes {
                    let kind = AttributeType::new(*kind);
                    // Some may stand only once, or at the end.
                    let _ = message.add_attribute(&RawAttribute::new(kind, value));
                }
                match *is_signed && !message.has_attribute(AttributeType::new(8)) {
                    true => signed(message),
                    false => message.finish(),
                }
            }
        }
    }
}

// spec 11.55
#[test]
fn a_nonce_that_is_cut_in_a_character_is_passed_over() {
    for url in ["turn:x", "turn:x?transport=tcp"] {
        let mut world = World::new(&[]);
        world.answers = false;
        world.want(&[server(url)]);
        world.open();
        let nonce = "obMatJos2aaa\u{20ac}".as_bytes().to_vec();
        let code = vec![0, 0, 4, 1];
        let attributes = vec![(9, code), (0x14, b"test".to_vec()), (0x15, nonce)];
        let said = Said::Answer {
            class: MessageClass::Error,
            signed: false,
            attributes,
        };
        let bytes = said.bytes(&world.last);
        let sent = world.sent;
        for stream in world.streams.keys().copied().collect::<Vec<_>>() {
            world.servers.stream_bytes(stream, &bytes, world.now);
        }
        world
            .servers
            .datagram(SocketId(0), place(), &bytes, world.now);
        world.settle();
        assert_eq!(world.sent, sent, "{url}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    // spec 11.55
    #[test]
    fn whatever_servers_say_does_no_harm(
        url in prop::sample::select(vec!["turn:x", "turn:x?transport=tcp", "stun:x"]),
        in_order in any::<bool>(),
        said in prop::collection::vec(Said::any(), 0..30),
    ) {
        let mut world = World::new(&[]);
        world.answers = in_order;
        world.want(&[server(url)]);
        world.servers.permit(address("203.0.113.9:99"), world.now);
        world.open();
        world.wait(1);
        world.answers = false;
        let mut relayed = 0;
        for said in &said {
            let (sent, opened) = (world.sent, world.opened);
            if let Said::Wait(seconds) = said {
                world.wait(*seconds);
                let most = 100 + usize::try_from(*seconds).unwrap();
                prop_assert!(world.sent - sent < most && world.opened - opened < most);
                world.open();
                continue;
            }
            let bytes = said.bytes(&world.last);
            let streams: Vec<_> = world.streams.keys().copied().collect();
            if let Some(came) = world.servers.datagram(SocketId(0), place(), &bytes, world.now) {
                relayed += came.len();
            }
            for stream in streams {
                relayed += world.servers.stream_bytes(stream, &bytes, world.now).len();
            }
            world.settle();
            prop_assert!(world.sent - sent < 10 && world.opened - opened < 2);
        }
        prop_assert!(relayed <= said.len());
        prop_assert!(world.ways.len() <= 1);
        world.wait(60);
    }

    // spec 11.55
    #[test]
    fn no_stream_fills_the_memory(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3000), 1..20)) {
        let mut world = World::new(&[server("turn:x?transport=tcp")]);
        world.open();
        let most = 3000 + MAX_MESSAGE;
        let mut taken = 0;
        for part in &parts {
            let Some(stream) = world.streams.keys().next().copied() else {
                break;
            };
            world.servers.stream_bytes(stream, part, world.now);
            world.settle();
            taken += part.len();
        }
        // What is no message ends the stream at once.
        prop_assert!(taken <= most);
    }
}
