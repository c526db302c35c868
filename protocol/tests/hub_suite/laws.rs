//! The machine's contract, for any inputs in any order.

use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::store::{Answer, StoreError};
use dialtone_protocol::hub::{ConnId, Hub, Input, OpId, Output, RequestId, WorkAnswer, WorkId};
use dialtone_protocol::limits;
use dialtone_protocol::wire::http::{Request, Route};
use dialtone_protocol::{Instant, Machine, UnixMillis};
use proptest::prelude::*;

use crate::world::{ADMIN_TOKEN, START, config, key};

/// Something that happens, with small numbers so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Started,
    Register {
        name: u8,
        invite: u8,
    },
    Invite,
    Request {
        route: usize,
        query: String,
        body: Vec<u8>,
        token: u8,
    },
    Upgrade {
        token: u8,
    },
    Connect {
        accepted: u8,
    },
    Frame {
        conn: u8,
        bytes: Vec<u8>,
    },
    Send {
        conn: u8,
        channel: u8,
        client: u8,
    },
    Room {
        conn: u8,
        channel: u8,
        kind: u8,
    },
    Hello {
        conn: u8,
    },
    Flushed {
        conn: u8,
        bytes: usize,
    },
    Closed {
        conn: u8,
    },
    Store {
        failing: bool,
    },
    Work {
        answer: u8,
    },
    StoredOutOfTheBlue {
        id: u8,
    },
    Sleep {
        millis: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    prop_oneof![
        1 => Just(Started),
        3 => (0..4_u8, 0..4_u8).prop_map(|(name, invite)| Register { name, invite }),
        2 => Just(Invite),
        4 => (0..Route::ALL.len(), "[a-z_=&0-9]{0,12}", any::<Vec<u8>>(), 0..4_u8)
            .prop_map(|(route, query, body, token)| Request { route, query, body, token }),
        2 => (0..4_u8).prop_map(|token| Upgrade { token }),
        2 => (0..4_u8).prop_map(|accepted| Connect { accepted }),
        2 => (0..4_u8, any::<Vec<u8>>()).prop_map(|(conn, bytes)| Frame { conn, bytes }),
        3 => (0..4_u8, 0..3_u8, 0..3_u8)
            .prop_map(|(conn, channel, client)| Send { conn, channel, client }),
        3 => (0..4_u8, 0..3_u8, 0..3_u8)
            .prop_map(|(conn, channel, kind)| Room { conn, channel, kind }),
        2 => (0..4_u8).prop_map(|conn| Hello { conn }),
        2 => (0..4_u8, 0..9000_usize).prop_map(|(conn, bytes)| Flushed { conn, bytes }),
        1 => (0..4_u8).prop_map(|conn| Closed { conn }),
        12 => prop::bool::weighted(0.1).prop_map(|failing| Store { failing }),
        4 => (0..4_u8).prop_map(|answer| Work { answer }),
        1 => any::<u8>().prop_map(|id| StoredOutOfTheBlue { id }),
        2 => (0..100_000_000_u32).prop_map(|millis| Sleep { millis }),
    ]
}

/// Drives a hub by steps, and keeps what it said.
struct Run {
    hub: Hub,
    store: MemoryStore,
    now: Instant,
    requests: u64,
    ops: Vec<(OpId, dialtone_protocol::hub::store::Op)>,
    works: Vec<WorkId>,
    accepted: Vec<dialtone_protocol::hub::SessionKey>,
    invites: Vec<String>,
    tokens: Vec<String>,
    users: Vec<String>,
    channels: Vec<String>,
    transcript: Vec<String>,
}

impl Run {
    fn new(seed: u8) -> Self {
        Self {
            hub: Hub::new(config(), [seed; 32], Instant::ZERO, START),
            store: MemoryStore::new(),
            now: Instant::ZERO,
            requests: 0,
            ops: Vec::new(),
            works: Vec::new(),
            accepted: Vec::new(),
            invites: Vec::new(),
            tokens: Vec::new(),
            users: Vec::new(),
            channels: Vec::new(),
            transcript: Vec::new(),
        }
    }

    fn input(&mut self, input: Input<'_>) {
        let before = self.hub.poll_timeout();
        let refused = self.hub.handle_input(input, self.now).is_err();
        if refused {
            assert_eq!(
                self.hub.poll_timeout(),
                before,
                "a refusal changed something"
            );
        }
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            let deadline = self.hub.poll_timeout();
            let Some(output) = self.hub.poll_output() else {
                break;
            };
            assert!(deadline.is_some_and(|at| at <= self.now), "spec 1.2");
            self.transcript.push(format!("{output:?}"));
            match output {
                Output::Store { id, op } => self.ops.push((id, op)),
                Output::Work { id, .. } => self.works.push(id),
                Output::Accept { session, .. } => self.accepted.push(session),
                Output::Respond { response, .. } => self.learn(&response.body),
                Output::Send { frame, .. } => {
                    let event: serde_json::Value = serde_json::from_str(&frame).unwrap();
                    assert_ne!(event["type"], "unknown");
                    assert!(frame.len() <= limits::MAX_FRAME_BYTES);
                }
                _ => {}
            }
        }
    }

    fn learn(&mut self, body: &[u8]) {
        let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        match (text("token"), text("user_id")) {
            (Some(token), Some(user)) => {
                self.tokens.push(token);
                self.users.push(user);
            }
            (Some(invite), None) => self.invites.push(invite),
            _ => {}
        }
        self.channels
            .extend(value["channel"]["id"].as_str().map(str::to_owned));
    }

    fn request(&mut self, call: Request, token: Option<u8>) {
        self.requests += 1;
        let token = token.and_then(|token| self.tokens.get(usize::from(token)));
        let auth = token.map(|token| format!("Bearer {token}"));
        self.input(Input::Request {
            id: RequestId(self.requests),
            call,
            auth: auth.as_deref(),
            admin_token: Some(ADMIN_TOKEN),
            peer: Some([127, 0, 0, 1].into()),
        });
    }

    /// A channel that was made, or none.
    fn channel(&self, number: u8) -> String {
        let channel = self.channels.get(usize::from(number));
        channel.cloned().unwrap_or_default()
    }

    fn step(&mut self, step: Step) {
        let conn = |conn: u8| ConnId(u64::from(conn));
        match step {
            Step::Started => self.input(Input::Started),
            Step::Invite => self.request(Request::CreateInvite, None),
            Step::Register { name, invite } => {
                let name = format!("name{name}");
                let invite = self
                    .invites
                    .get(usize::from(invite))
                    .cloned()
                    .unwrap_or_default();
                let body = format!(
                    "{{\"username\":\"{name}\",\"password\":\"password1\",\"public_key\":\"{}\",\
                     \"invite_token\":\"{invite}\"}}",
                    key(&name)
                );
                let call = Request::parse("POST", "/auth/register", "", body.as_bytes()).unwrap();
                self.request(call, None);
            }
            Step::Request {
                route,
                query,
                body,
                token,
            } => {
                let route = Route::ALL[route];
                let body = match route {
                    Route::CreateChannel => b"{\"name_enc\":\"n\"}".to_vec(),
                    _ => body,
                };
                let method = route.method().as_str();
                let call = Request::parse(method, route.path(), &query, &body).unwrap();
                self.request(call, Some(token));
            }
            Step::Upgrade { token } => self.request(Request::WebSocket, Some(token)),
            Step::Connect { accepted } => {
                let index = usize::from(accepted);
                if let Some(session) = self.accepted.get(index).copied() {
                    self.input(Input::Connected {
                        conn: conn(accepted),
                        session,
                    });
                }
            }
            Step::Frame { conn: id, bytes } => {
                self.input(Input::Frame {
                    conn: conn(id),
                    bytes: &bytes,
                });
            }
            Step::Send {
                conn: id,
                channel,
                client,
            } => {
                let channel = self.channel(channel);
                let frame = format!(
                    "{{\"type\":\"channel.message.send\",\"channel_id\":\"{channel}\",\"body\":\"b\",\
                     \"sender_name_enc\":\"n\",\"client_id\":\"{client:032x}\"}}"
                );
                self.input(Input::Frame {
                    conn: conn(id),
                    bytes: frame.as_bytes(),
                });
            }
            Step::Room {
                conn: id,
                channel,
                kind,
            } => {
                let channel = self.channel(channel);
                let kind = ["voice_join", "voice_leave", "webrtc_offer"][usize::from(kind)];
                let frame = format!(
                    "{{\"type\":\"{kind}\",\"channel_id\":\"{channel}\",\"recipient\":\"{}\",\"sdp\":\"v\"}}",
                    self.users.first().cloned().unwrap_or_default()
                );
                self.input(Input::Frame {
                    conn: conn(id),
                    bytes: frame.as_bytes(),
                });
            }
            Step::Hello { conn: id } => {
                let channel = self.channels.first().cloned();
                let resume = channel.map(|id| format!("\"{id}\":0")).unwrap_or_default();
                let frame = format!(
                    "{{\"type\":\"session.hello\",\"protocol\":1,\"resume\":{{{resume}}}}}"
                );
                self.input(Input::Frame {
                    conn: conn(id),
                    bytes: frame.as_bytes(),
                });
            }
            Step::Flushed { conn: id, bytes } => self.input(Input::Flushed {
                conn: conn(id),
                bytes,
            }),
            Step::Closed { conn: id } => self.input(Input::Closed { conn: conn(id) }),
            Step::Store { failing } => {
                if !self.ops.is_empty() {
                    let (id, op) = self.ops.remove(0);
                    let answer = self.store.apply(op);
                    let result = if failing {
                        Err(StoreError::Unavailable)
                    } else {
                        answer
                    };
                    self.input(Input::Stored { id, result });
                }
            }
            Step::Work { answer } => {
                if !self.works.is_empty() {
                    let id = self.works.remove(0);
                    let result = match answer {
                        0 => WorkAnswer::Failed,
                        1 => WorkAnswer::Verified(true),
                        _ => WorkAnswer::Hashed("hash".to_owned()),
                    };
                    self.input(Input::Worked { id, result });
                }
            }
            Step::StoredOutOfTheBlue { id } => {
                let id = OpId(u64::from(id));
                self.ops.retain(|(of, _)| *of != id);
                self.input(Input::Stored {
                    id,
                    result: Ok(Answer::Done),
                });
            }
            Step::Sleep { millis } => self.sleep(millis),
        }
    }

    fn sleep(&mut self, millis: u32) {
        self.now = self.now + std::time::Duration::from_millis(millis.into());
        self.hub.handle_timeout(self.now);
        self.drain();
        assert!(
            self.hub.poll_timeout().is_none_or(|at| at > self.now),
            "spec 1.3"
        );
        let said = self.transcript.len();
        self.hub.handle_timeout(self.now);
        self.drain();
        assert_eq!(self.transcript.len(), said, "spec 1.4");
    }
}

proptest! {
    // spec 1.2 to 1.6.
    #[test]
    fn the_contract_holds_for_any_inputs(mut steps in prop::collection::vec(step(), 0..200)) {
        steps.insert(0, Step::Started);
        let runs = [3, 3].map(|seed| {
            let mut run = Run::new(seed);
            for step in steps.clone() {
                run.step(step);
            }
            run
        });
        prop_assert_eq!(&runs[0].transcript, &runs[1].transcript);
    }

    #[test]
    fn no_frame_and_no_request_panics(bytes: Vec<u8>, query: String, route in 0..Route::ALL.len()) {
        let route = Route::ALL[route];
        let _ = dialtone_protocol::wire::ws::ClientFrame::parse(&bytes);
        let _ = dialtone_protocol::wire::ws::ServerEvent::parse(&bytes);
        let _ = Request::parse(route.method().as_str(), route.path(), &query, &bytes);
    }
}

#[test]
fn time_never_goes_back() {
    let mut hub = Hub::new(config(), [0; 32], Instant::from_micros(500), UnixMillis(0));
    hub.handle_input(Input::Started, Instant::ZERO).unwrap();
    assert_eq!(hub.poll_timeout(), Some(Instant::from_micros(500)));
}
