//! The hub under any requests, frames, ends of connections and answers of the store: it never panics, keeps the
//! contract of machines, and a refusal changes nothing that can be seen.

use core::time::Duration;

use arbitrary::{Result, Unstructured};
use dialtone_protocol::crypto::password::KdfMemory;
use dialtone_protocol::hub::memory::MemoryStore;
use dialtone_protocol::hub::store::{Answer, StoreError};
use dialtone_protocol::hub::{
    ConnId, Hub, Input, OpId, Output, RequestId, SessionKey, WorkAnswer, WorkId,
};
use dialtone_protocol::wire::http::{Request, Response, Route};
use dialtone_protocol::{Instant, Machine, UnixMillis};

use crate::server::{ADMIN_TOKEN, config};

/// The most inputs of one case.
const INPUTS: usize = 200;

/// The most outputs that one input may lead to, with all that the store answers: a bound on what a case can cost.
const OUTPUTS: usize = 10_000;

/// Takes choices: what comes in, in which order.
pub fn run(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    let mut case = Case::new();
    case.input(Input::Started);
    for _ in 0..INPUTS {
        if case.act(&mut choices).is_err() {
            break;
        }
    }
}

struct Case {
    hub: Hub,
    store: MemoryStore,
    now: Instant,
    tokens: Vec<String>,
    invites: Vec<String>,
    sessions: Vec<SessionKey>,
    count: u64,
    /// Whether the store answers at once; else the answers of some operations never come.
    store_works: bool,
}

impl Case {
    fn new() -> Self {
        Self {
            hub: Hub::new(
                config(),
                [7; 32],
                Instant::ZERO,
                UnixMillis(1_700_000_000_000),
            ),
            store: MemoryStore::default(),
            now: Instant::ZERO,
            tokens: Vec::new(),
            invites: Vec::new(),
            sessions: Vec::new(),
            count: 0,
            store_works: true,
        }
    }

    fn act(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        if choices.is_empty() {
            return Err(arbitrary::Error::NotEnoughData);
        }
        match choices.int_in_range(0..=15)? {
            0..=6 => self.request(choices),
            7 => self.register(choices),
            8..=9 => self.connect(choices),
            10..=11 => {
                let conn = self.any_conn(choices)?;
                let length = choices.arbitrary_len::<u8>()?.min(512);
                let frame = choices.bytes(length)?;
                self.input(Input::Frame { conn, bytes: frame });
                Ok(())
            }
            12 => {
                let conn = self.any_conn(choices)?;
                let bytes = usize::from(choices.arbitrary::<u16>()?);
                self.input(if choices.arbitrary()? {
                    Input::Closed { conn }
                } else {
                    Input::Flushed { conn, bytes }
                });
                Ok(())
            }
            13 => {
                // An answer out of the blue.
                let (op, work) = (
                    OpId(choices.int_in_range(0..=50)?),
                    WorkId(choices.int_in_range(0..=50)?),
                );
                self.input(Input::Stored {
                    id: op,
                    result: Ok(Answer::Done),
                });
                self.input(Input::Worked {
                    id: work,
                    result: WorkAnswer::Verified(true),
                });
                Ok(())
            }
            14 => {
                self.now = self.now + Duration::from_millis(choices.int_in_range(0..=100_000)?);
                self.hub.handle_timeout(self.now);
                self.drain();
                Ok(())
            }
            _ => {
                self.store_works = choices.ratio(3, 4)?;
                Ok(())
            }
        }
    }

    /// Any request to any route, as somebody who is logged in or not.
    fn request(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        let route = *choices.choose(Route::ALL)?;
        let query = choices.arbitrary::<&str>()?;
        let body = choices.arbitrary::<&[u8]>()?;
        let Ok(call) = Request::parse(route.method().as_str(), route.path(), query, body) else {
            return Ok(());
        };
        let token = if self.tokens.is_empty() {
            None
        } else {
            Some(choices.choose(&self.tokens)?.clone())
        };
        let auth = token.map(|token| format!("Bearer {token}"));
        let admin_token = choices.ratio(1, 8)?.then_some(ADMIN_TOKEN);
        self.ask(call, auth.as_deref(), admin_token);
        Ok(())
    }

    /// A request that makes an invite or takes one.
    fn register(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match self.invites.pop() {
            None => {
                if let Ok(call) = Request::parse("POST", "/server/invites", "", &[]) {
                    self.ask(call, None, Some(ADMIN_TOKEN));
                }
            }
            Some(invite) => {
                let name = choices.int_in_range(0..=3)?;
                let body = format!(
                    r#"{{"username":"user{name}","password":"password1","public_key":"CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","invite_token":"{invite}"}}"#
                );
                if let Ok(call) = Request::parse("POST", "/auth/register", "", body.as_bytes()) {
                    self.ask(call, None, None);
                }
            }
        }
        Ok(())
    }

    fn connect(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        match self.sessions.pop() {
            Some(session) => {
                self.count += 1;
                self.input(Input::Connected {
                    conn: ConnId(self.count),
                    session,
                });
            }
            None if !self.tokens.is_empty() => {
                let auth = format!("Bearer {}", choices.choose(&self.tokens)?);
                if let Ok(call) = Request::parse("GET", "/ws", "", &[]) {
                    self.ask(call, Some(&auth), None);
                }
            }
            None => {}
        }
        Ok(())
    }

    fn any_conn(&self, choices: &mut Unstructured<'_>) -> Result<ConnId> {
        Ok(ConnId(choices.int_in_range(0..=self.count)?))
    }

    fn ask(&mut self, call: Request, auth: Option<&str>, admin_token: Option<&str>) {
        self.count += 1;
        self.input(Input::Request {
            id: RequestId(self.count),
            call,
            auth,
            admin_token,
            peer: None,
        });
    }

    fn input(&mut self, input: Input<'_>) {
        // A refusal is fine; what follows must hold either way.
        let _ = self.hub.handle_input(input, self.now);
        self.drain();
    }

    /// Carries out what the hub wants, and holds it to its contract.
    fn drain(&mut self) {
        for _ in 0..OUTPUTS {
            let deadline = self.hub.poll_timeout();
            let Some(output) = self.hub.poll_output() else {
                return;
            };
            assert!(
                deadline.is_some_and(|at| at <= self.now),
                "output is queued, so the deadline is now"
            );
            match output {
                Output::Store { id, op } => {
                    let result = self.store.apply(op);
                    let result = if self.store_works {
                        result
                    } else {
                        Err(StoreError::Unavailable)
                    };
                    let _ = self
                        .hub
                        .handle_input(Input::Stored { id, result }, self.now);
                }
                Output::Work { id, work } => {
                    let _ = self.hub.handle_input(
                        Input::Worked {
                            id,
                            result: work.run(&mut KdfMemory::default()),
                        },
                        self.now,
                    );
                }
                Output::Accept { session, .. } => self.sessions.push(session),
                Output::Respond { response, .. } => self.learn(&response),
                _ => {}
            }
        }
        panic!("the hub does not come to rest");
    }

    /// Remembers tokens, so that later requests get further.
    fn learn(&mut self, response: &Response) {
        let Ok(text) = core::str::from_utf8(&response.body) else {
            return;
        };
        let token = text
            .split_once(r#""token":""#)
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(token, _)| token);
        let Some(token) = token else { return };
        if text.contains("user_id") {
            self.tokens.push(token.to_owned());
        } else {
            self.invites.push(token.to_owned());
        }
    }
}
