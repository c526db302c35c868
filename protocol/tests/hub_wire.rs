//! Both sides of the wire understand each other: what one writes the other reads back.

use std::collections::BTreeMap;

use dialtone_protocol::ids::{
    ChannelId, ClientId, DeviceId, EntryHash, Epoch, GroupId, Head, MessageId, RecipientId, Seq,
    ServerId, StoreId, Subject, UserId,
};
use dialtone_protocol::wire::base64;
use dialtone_protocol::wire::body::{
    ChallengeBody, Credentials, DeviceLogInBody, KeyEnvelope, KeyEnvelopes, NameBody, NewDevice,
    NewPending, NewUser, PendingName, PresenceQuery, Rename,
};
use dialtone_protocol::wire::chain::{Append, Envelopes, Names, SealedEnvelope, SealedName};
use dialtone_protocol::wire::event::{
    Ack, ErrorCode, ErrorEvent, IceServer, MessageNew, Numbered, Welcome, WelcomeLimits,
};
use dialtone_protocol::wire::frame::{Hello, SendMessage};
use dialtone_protocol::wire::http::{Request, Route};
use dialtone_protocol::wire::request::HistoryRange;
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::wire::voice::{Signal, SignalContent, Signalled, VoiceDevice, VoiceJoin};
use dialtone_protocol::wire::ws::{ClientFrame, ServerEvent};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    // Texts around which nothing is trimmed, and which are not absent.
    "[^\\s\\p{C}]\\PC{0,8}[^\\s\\p{C}]"
}

fn head() -> impl Strategy<Value = Head> {
    (any::<u64>(), any::<[u8; 32]>()).prop_map(|(index, hash)| Head {
        index,
        hash: EntryHash(hash),
    })
}

fn group() -> impl Strategy<Value = GroupId> {
    prop_oneof![
        Just(GroupId::Open),
        any::<[u8; 16]>().prop_map(|id| GroupId::Channel(ChannelId(id))),
    ]
}

fn recipient() -> impl Strategy<Value = RecipientId> {
    prop_oneof![
        any::<[u8; 16]>().prop_map(|id| RecipientId::Device(DeviceId(id))),
        any::<[u8; 32]>().prop_map(|hash| RecipientId::Invite(EntryHash(hash))),
    ]
}

fn credentials() -> impl Strategy<Value = Credentials> {
    (text(), text(), text(), text(), proptest::option::of(text())).prop_map(
        |(username, password, public_key, invite, signing_key)| Credentials {
            username,
            password: Sensitive::new(password),
            public_key,
            invite_token: Sensitive::new(invite),
            signing_key,
        },
    )
}

fn key_envelopes() -> impl Strategy<Value = KeyEnvelopes> {
    let item =
        (text(), text(), text(), text()).prop_map(|(device, sender, key, envelope)| KeyEnvelope {
            channel_id: String::new(),
            device_id: device,
            sender_device_id: sender,
            sender_public_key: key,
            envelope,
        });
    (text(), prop::collection::vec(item, 0..3)).prop_map(|(channel_id, envelopes)| KeyEnvelopes {
        channel_id,
        envelopes,
    })
}

fn sealed() -> impl Strategy<Value = Vec<SealedEnvelope>> {
    let item = (recipient(), any::<Vec<u8>>())
        .prop_map(|(recipient, bytes)| SealedEnvelope { recipient, bytes });
    prop::collection::vec(item, 0..3)
}

fn names() -> impl Strategy<Value = Vec<SealedName>> {
    let item = (
        any::<[u8; 16]>(),
        any::<bool>(),
        group(),
        any::<u32>(),
        any::<Vec<u8>>(),
    );
    let item = item.prop_map(|(id, user, group, epoch, bytes)| SealedName {
        subject: match user {
            true => Subject::User(UserId(id)),
            false => Subject::Channel(ChannelId(id)),
        },
        group,
        epoch: Epoch(epoch),
        bytes,
    });
    prop::collection::vec(item, 0..3)
}

fn append() -> impl Strategy<Value = Append> {
    let entries = prop::collection::vec(any::<Vec<u8>>(), 0..3);
    (proptest::option::of(head()), entries, sealed(), names()).prop_map(
        |(expected, entries, envelopes, names)| Append {
            expected,
            entries: entries.into_iter().map(Into::into).collect(),
            envelopes,
            names,
        },
    )
}

fn range() -> impl Strategy<Value = HistoryRange> {
    prop_oneof![
        Just(HistoryRange::Newest),
        any::<u64>().prop_map(|seq| HistoryRange::After(Seq(seq))),
        any::<u64>().prop_map(|seq| HistoryRange::Before(Seq(seq))),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let id = any::<[u8; 16]>().prop_map(DeviceId);
    let name = || text().prop_map(|name_enc| NameBody { name_enc });
    let pending = (text(), id.clone(), text()).prop_map(|(record, device_id, sealed)| NewPending {
        record,
        names: vec![PendingName { device_id, sealed }],
    });
    let messages = (text(), proptest::option::of(1..1000_u32), range());
    let invite = proptest::option::of(any::<[u8; 32]>().prop_map(EntryHash));
    let one = prop_oneof![
        Just(Request::Health),
        credentials().prop_map(Request::Register),
        credentials().prop_map(Request::LogIn),
        id.clone()
            .prop_map(|device_id| Request::Challenge(ChallengeBody { device_id })),
        (id, text(), text()).prop_map(|(device_id, challenge, signature)| {
            Request::DeviceLogIn(DeviceLogInBody {
                device_id,
                challenge,
                signature,
            })
        }),
        Just(Request::Sessions),
        text().prop_map(|id| Request::EndSession { id }),
        text().prop_map(|username| Request::CreateUser(NewUser { username })),
        Just(Request::Profiles),
        name().prop_map(Request::PutProfile),
    ];
    let two = prop_oneof![
        (text(), text()).prop_map(|(user_id, public_key)| {
            Request::AddDevice(NewDevice {
                user_id,
                public_key,
            })
        }),
        (text(), any::<bool>()).prop_map(|(user_id, all)| Request::DeviceKeys { user_id, all }),
        Just(Request::DirectoryKey),
        key_envelopes().prop_map(Request::PutDirectoryKeys),
        Just(Request::Channels),
        name().prop_map(Request::CreateChannel),
        (text(), text()).prop_map(|(channel_id, name_enc)| {
            Request::RenameChannel(Rename {
                channel_id,
                name_enc,
            })
        }),
        text().prop_map(|channel_id| Request::DeleteChannel { channel_id }),
        messages.prop_map(|(channel_id, limit, range)| Request::Messages {
            channel_id,
            limit,
            range
        }),
        text().prop_map(|channel_id| Request::ChannelKey { channel_id }),
    ];
    let three = prop_oneof![
        key_envelopes().prop_map(Request::PutChannelKeys),
        prop::collection::vec(text(), 0..3)
            .prop_map(|user_ids| Request::Presence(PresenceQuery { user_ids })),
        Just(Request::CreateInvite),
        Just(Request::WebSocket),
        any::<u64>().prop_map(|from| Request::Sigchain { from }),
        append().prop_map(Request::AppendSigchain),
        (any::<u64>(), invite).prop_map(|(after, invite)| Request::Envelopes { after, invite }),
        sealed().prop_map(|all| Request::PostEnvelopes(Envelopes(all))),
        Just(Request::OwedEnvelopes),
        any::<u64>().prop_map(|after| Request::Names { after }),
        names().prop_map(|all| Request::PostNames(Names(all))),
        Just(Request::Pending),
        pending.prop_map(Request::PostPending),
    ];
    prop_oneof![one, two, three]
}

fn event() -> impl Strategy<Value = ServerEvent> {
    let ids = (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<[u8; 16]>());
    (
        ids,
        text(),
        any::<u64>(),
        any::<u32>(),
        head(),
        group(),
        recipient(),
        0..24_u8,
    )
        .prop_map(
            |((a, b, c), text, number, small, head, group, recipient, kind)| {
                let (user, device) = (UserId(a), DeviceId(b));
                let (channel_id, client_id) = (ChannelId(c), ClientId(b));
                let (seq, epoch) = (Seq(number), Epoch(small));
                let numbered = Numbered {
                    seq,
                    client_id,
                    sender_device_id: device,
                };
                let message = |numbered| {
                    ServerEvent::MessageNew(MessageNew {
                        message_id: MessageId(b),
                        channel_id,
                        sender: user,
                        sender_name_enc: text.clone(),
                        body: text.clone(),
                        sent_at: text.clone(),
                        numbered,
                    })
                };
                let error = |code, client_id: Option<ClientId>| {
                    ServerEvent::Error(ErrorEvent {
                        code,
                        message: text.clone(),
                        channel_id: client_id.map(|_| text.clone()),
                        client_id,
                    })
                };
                match kind {
                    0 => message(None),
                    1 => message(Some(numbered)),
                    2 => ServerEvent::ChannelUpdated {
                        channel_id,
                        channel_name_enc: text,
                    },
                    3 => ServerEvent::ChannelDeleted { channel_id },
                    4 => ServerEvent::DeviceJoined {
                        sender: user,
                        device_id: device,
                    },
                    5 => ServerEvent::ProfileUpdated { sender: user },
                    6 => ServerEvent::VoiceSnapshot {
                        voice_rooms: BTreeMap::new(),
                    },
                    7 => error(ErrorCode::StaleEpoch, Some(client_id)),
                    8 => error(ErrorCode::ChannelsOnly, None),
                    9 => ServerEvent::Lagged {
                        channels: BTreeMap::from([(channel_id, seq)]),
                    },
                    10 => ServerEvent::Ack(Ack {
                        client_id,
                        channel_id,
                        message_id: MessageId(a),
                        seq,
                        sent_at: text,
                    }),
                    11 => ServerEvent::SigchainAppended { head },
                    12 => ServerEvent::KeyAvailable {
                        recipient,
                        group,
                        epoch,
                    },
                    13 => ServerEvent::KeyRequested {
                        device_id: device,
                        group,
                        epoch,
                    },
                    14 => ServerEvent::NamesAvailable,
                    15 => ServerEvent::PresenceChanged {
                        user_id: user,
                        online: number % 2 == 0,
                    },
                    16 => ServerEvent::VoicePresence {
                        channel_id,
                        sender: user,
                        active: number % 2 == 0,
                    },
                    17 => ServerEvent::VoiceRoster {
                        channel_id,
                        users: vec![user],
                        devices: vec![VoiceDevice {
                            user_id: user,
                            device_id: device,
                            proof: Some(text.clone()),
                        }],
                        ice_servers: vec![IceServer {
                            urls: vec![text.clone()],
                            username: Some(text.clone()),
                            credential: Some(Sensitive::new(text)),
                        }],
                    },
                    18 => ServerEvent::VoiceJoined {
                        channel_id,
                        sender: user,
                        device_id: Some(device),
                        proof: None,
                    },
                    19 => ServerEvent::VoiceLeft {
                        channel_id,
                        sender: user,
                        device_id: None,
                        lost: true,
                    },
                    20..=22 => {
                        let content = match kind {
                            20 => SignalContent::Offer { sdp: text.clone() },
                            21 => SignalContent::Answer { sdp: text.clone() },
                            _ => SignalContent::Candidate {
                                candidate: text.clone(),
                            },
                        };
                        let signalled = Signalled {
                            channel_id,
                            sender: user,
                            recipient: UserId(c),
                            sender_device_id: Some(device),
                            recipient_device_id: None,
                            proof: Some(text),
                        };
                        ServerEvent::signal(content, signalled)
                    }
                    _ => ServerEvent::Welcome(Welcome {
                        protocol: small,
                        server_id: ServerId(a),
                        store_id: StoreId(b),
                        limits: WelcomeLimits {
                            body_bytes: small,
                            frame_bytes: small,
                            unacked_messages: small,
                            history_page: small,
                        },
                        features: vec![text.clone()],
                        ice_servers: vec![IceServer {
                            urls: vec![text.clone()],
                            username: None,
                            credential: Some(Sensitive::new(text)),
                        }],
                        sigchain_head: Some(head),
                    }),
                }
            },
        )
}

fn proof() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(any::<Vec<u8>>().prop_map(|bytes| base64::encode(&bytes)))
}

fn signal() -> impl Strategy<Value = Signal> {
    let device = proptest::option::of(any::<[u8; 16]>().prop_map(DeviceId));
    (text(), text(), device, text(), 0..3_u8, proof()).prop_map(
        |(channel_id, recipient, recipient_device_id, content, kind, proof)| Signal {
            channel_id,
            recipient,
            recipient_device_id,
            content: match kind {
                0 => SignalContent::Offer { sdp: content },
                1 => SignalContent::Answer { sdp: content },
                _ => SignalContent::Candidate { candidate: content },
            },
            proof,
        },
    )
}

fn frame() -> impl Strategy<Value = ClientFrame> {
    let resume = prop::collection::btree_map(
        any::<[u8; 16]>().prop_map(ChannelId),
        any::<u64>().prop_map(Seq),
        0..3,
    );
    let client_id = any::<[u8; 16]>().prop_map(ClientId);
    prop_oneof![
        (any::<u32>(), resume)
            .prop_map(|(protocol, resume)| ClientFrame::Hello(Hello { protocol, resume })),
        (text(), text(), client_id).prop_map(|(channel_id, body, client_id)| {
            ClientFrame::SendMessage(SendMessage {
                channel_id,
                sender_name_enc: String::new(),
                body,
                client_id: Some(client_id),
            })
        }),
        (group(), any::<u32>()).prop_map(|(group, epoch)| ClientFrame::KeyRequest {
            group,
            epoch: Epoch(epoch)
        }),
        (text(), proof()).prop_map(|(channel_id, proof)| {
            ClientFrame::VoiceJoin(VoiceJoin { channel_id, proof })
        }),
        text().prop_map(|channel_id| ClientFrame::VoiceLeave { channel_id }),
        signal().prop_map(ClientFrame::Signal),
    ]
}

proptest! {
    #[test]
    fn a_call_is_read_back_as_the_request_that_made_it(request in request()) {
        let call = request.to_call();
        let (path, query) = call.path_and_query.split_once('?').unwrap_or((&call.path_and_query, ""));
        let read = Request::parse(call.method.as_str(), path, query, &call.body);
        prop_assert_eq!(read, Ok(request));
    }

    #[test]
    fn an_event_is_read_back(event in event()) {
        prop_assert_eq!(ServerEvent::parse(event.to_text().as_bytes()), Ok(event));
    }

    #[test]
    fn a_frame_is_read_back(frame in frame()) {
        prop_assert_eq!(ClientFrame::parse(frame.to_text().as_bytes()), Ok(frame));
    }
}

// spec 5.1
#[test]
fn what_is_wrong_with_a_body_waits_until_access_was_judged() {
    for route in Route::ALL {
        let method = route.method().as_str();
        let too_large = vec![b' '; route.max_body() + 1];
        let request = Request::parse(method, route.path(), "", &too_large);
        match request {
            Ok(Request::Malformed { route: of, refusal }) => {
                assert_eq!((of, refusal.status), (*route, 400));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_unknown_event_and_an_unknown_code_are_no_errors() {
    let read = |text: &str| ServerEvent::parse(text.as_bytes());
    assert_eq!(
        read("{\"type\":\"of.tomorrow\",\"x\":1}"),
        Ok(ServerEvent::Unknown)
    );
    let error = read("{\"type\":\"error\",\"code\":\"of_tomorrow\",\"message\":\"m\"}");
    assert!(matches!(error, Ok(ServerEvent::Error(error)) if error.code == ErrorCode::Unknown));
}
