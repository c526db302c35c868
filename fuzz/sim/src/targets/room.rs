//! The machine of a voice room before an evil server, evil peers and a client that answers as it likes: it never panics,
//! keeps the contract of machines, stays in its bounds, and neither sends what nobody signed nor takes in what nobody
//! checked.

use core::time::Duration;

use arbitrary::{Result, Unstructured};
use dialtone_protocol::crypto::voice::Speaker;
use dialtone_protocol::ids::{ChannelId, DeviceId, ServerId, StoreId, UserId};
use dialtone_protocol::voice::ask::{Answer, Question, Refusal};
use dialtone_protocol::voice::room::{AskId, Input, Output, PeerId, Room, Transmit};
use dialtone_protocol::voice::{Command, Input as PairInput};
use dialtone_protocol::wire::event::{ErrorCode, ErrorEvent, ServerEvent, Welcome, WelcomeLimits};
use dialtone_protocol::wire::frame::ClientFrame;
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::wire::voice::{SignalContent, Signalled, VoiceDevice};
use dialtone_protocol::{Instant, Machine, limits};

/// The most rounds of one case.
const ROUNDS: usize = 400;

/// The most outputs that one input may lead to.
const OUTPUTS: usize = 10_000;

/// What a client signs: nothing else may go out as a proof.
const PROOF: &str = "c2lnbmVk";

/// Takes choices: what happens next.
pub fn run(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    let mut case = Case {
        room: Room::new([3; 32], Instant::ZERO),
        now: Instant::ZERO,
        asks: Vec::new(),
        peers: Vec::new(),
        offered: Vec::new(),
    };
    case.room.connect(Instant::ZERO);
    case.drain();
    for _ in 0..ROUNDS {
        if case.round(&mut choices).is_err() {
            break;
        }
    }
}

struct Case {
    room: Room,
    now: Instant,
    asks: Vec<(AskId, Question)>,
    peers: Vec<PeerId>,
    /// The descriptions that were found to be a device's offer.
    offered: Vec<String>,
}

impl Case {
    fn round(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        if choices.is_empty() {
            return Err(arbitrary::Error::NotEnoughData);
        }
        let (room, now) = (channel(choices)?, self.now);
        match choices.int_in_range(0..=11)? {
            0 => self.room.enter(room, now),
            1 if choices.ratio(1, 4)? => self.room.leave(now),
            2 => self.input(Input::SocketOpened),
            3 => self.event(&welcome()),
            4 if choices.ratio(1, 4)? => self.input(Input::SocketClosed { status: None }),
            5 => {
                let speaker = speaker(choices)?;
                self.input(Input::Revoked { room, speaker });
            }
            6 => {
                let wait = Duration::from_millis(choices.int_in_range(0..=20_000)?);
                self.now = now + wait;
                self.room.handle_timeout(self.now);
                self.drain();
                let due = self.room.poll_timeout();
                assert!(due.is_none_or(|at| at > self.now), "spec 1.3");
            }
            7 | 8 => self.answer(choices)?,
            9 => self.carrier(choices)?,
            _ => {
                let event = event(choices, room)?;
                self.event(&event);
            }
        }
        self.drain();
        assert!(
            self.room.members().count() <= limits::MAX_ROOM_MEMBERS,
            "a server cannot fill a room up"
        );
        Ok(())
    }

    fn event(&mut self, event: &ServerEvent) {
        self.input(Input::Frame(event.to_text().as_bytes()));
    }

    fn input(&mut self, input: Input<'_>) {
        let before = self.room.poll_timeout();
        if self.room.handle_input(input, self.now).is_err() {
            assert_eq!(self.room.poll_timeout(), before, "spec 1.5");
        }
        self.drain();
    }

    /// The client answers a question, in the right way or in any other.
    fn answer(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        if self.asks.is_empty() {
            return Ok(());
        }
        let place = choices.int_in_range(0..=self.asks.len() - 1)?;
        let (id, question) = self.asks.swap_remove(place);
        let right = match &question {
            Question::Enter { .. } => Answer::Entered {
                user: UserId([0; 16]),
                device: DeviceId([0; 16]),
                proof: PROOF.to_owned(),
            },
            Question::Admit { peer, .. } => Answer::Admitted {
                verified: peer.proof.is_some(),
            },
            Question::CheckOffer { .. } => Answer::Offered {
                generation: choices.int_in_range(0..=9)?,
            },
            Question::CheckAnswer { .. } => Answer::Good,
            Question::SignOffer { .. } | Question::SignAnswer { .. } => Answer::Signed {
                proof: PROOF.to_owned(),
            },
            Question::Token => Answer::Token {
                token: Sensitive::new("token"),
            },
            _ => Answer::NotYet,
        };
        let answer = match choices.int_in_range(0..=9)? {
            0 => Answer::NotYet,
            1 => Answer::Refused {
                reason: Refusal::Forged,
            },
            2 => Answer::Refused {
                reason: Refusal::NotEntitled,
            },
            3 => Answer::Good,
            _ => right,
        };
        if matches!(answer, Answer::Offered { .. })
            && let Question::CheckOffer { offer, .. } = &question
        {
            self.offered.push(offer.sdp.clone());
        }
        if !answers(&question, &answer) {
            self.asks.push((id, question));
        }
        let answer = &answer;
        self.input(Input::Answered { id, answer });
        Ok(())
    }

    /// What carries the sound says something.
    fn carrier(&mut self, choices: &mut Unstructured<'_>) -> Result<()> {
        if self.peers.is_empty() {
            return Ok(());
        }
        let place = choices.int_in_range(0..=self.peers.len() - 1)?;
        let Some(peer) = self.peers.get(place).copied() else {
            return Ok(());
        };
        let generation = choices.int_in_range(0..=9)?;
        let (sdp, candidate) = ("own", "candidate:own");
        let input = match choices.int_in_range(0..=4)? {
            0 => PairInput::OfferMade { generation, sdp },
            1 => PairInput::AnswerMade { generation, sdp },
            2 => PairInput::Connected,
            3 => PairInput::Failed,
            _ => PairInput::LocalCandidate { candidate },
        };
        self.input(Input::Peer { peer, input });
        Ok(())
    }

    fn drain(&mut self) {
        for _ in 0..OUTPUTS {
            let due = self.room.poll_timeout();
            let Some(output) = self.room.poll_output() else {
                return;
            };
            assert!(due.is_some_and(|at| at <= self.now), "spec 1.2");
            match output {
                Output::Ask { id, question } => {
                    self.asks.retain(|(other, _)| *other != id);
                    self.asks.push((id, question));
                }
                Output::Media { peer, command } => {
                    if !self.peers.contains(&peer) {
                        self.peers.push(peer);
                    }
                    if let Command::TakeOffer { sdp, .. } = command {
                        let checked = self.offered.contains(&sdp);
                        assert!(checked || !self.signs(peer), "nobody checked this offer");
                    }
                }
                Output::Transmit(Transmit::Frame(frame)) => self.check_frame(&frame),
                _ => {}
            }
        }
        panic!("one input leads to outputs without end");
    }

    /// Whether the device at the other end signs what it says.
    fn signs(&self, peer: PeerId) -> bool {
        let mut members = self.room.members();
        members.any(|it| it.peer == Some(peer) && it.verified)
    }

    fn check_frame(&self, frame: &str) {
        let Ok(ClientFrame::Signal(signal)) = ClientFrame::parse(frame.as_bytes()) else {
            return;
        };
        let Some(device) = signal.recipient_device_id else {
            panic!("a signal is for one device");
        };
        let mut members = self.room.members();
        let member = members.find(|it| it.speaker.device == device);
        let is_candidate = matches!(signal.content, SignalContent::Candidate { .. });
        if !is_candidate && member.is_some_and(|it| it.verified) {
            assert_eq!(signal.proof.as_deref(), Some(PROOF), "nobody signed this");
        }
    }
}

/// Whether it is an answer to the question at all.
fn answers(question: &Question, answer: &Answer) -> bool {
    match answer {
        Answer::NotYet => false,
        Answer::Good => matches!(question, Question::CheckAnswer { .. }),
        _ => true,
    }
}

fn channel(choices: &mut Unstructured<'_>) -> Result<ChannelId> {
    Ok(ChannelId([choices.int_in_range(0..=1)?; 16]))
}

fn speaker(choices: &mut Unstructured<'_>) -> Result<Speaker> {
    let number: u8 = choices.int_in_range(0..=40)?;
    Ok(Speaker {
        user: UserId([number / 2; 16]),
        device: DeviceId([number; 16]),
    })
}

fn proof(choices: &mut Unstructured<'_>) -> Result<Option<String>> {
    let proof = match choices.int_in_range(0..=3)? {
        0 => None,
        1 => Some("b25l"),
        _ => Some("dHdv"),
    };
    Ok(proof.map(str::to_owned))
}

fn event(choices: &mut Unstructured<'_>, channel_id: ChannelId) -> Result<ServerEvent> {
    let Speaker { user, device } = speaker(choices)?;
    let proof = proof(choices)?;
    let sdp = choices.int_in_range(0..=5)?;
    let sdp = format!("description {sdp}");
    let signal = Signalled {
        channel_id,
        sender: user,
        recipient: UserId([0; 16]),
        sender_device_id: Some(device),
        recipient_device_id: Some(DeviceId([0; 16])),
        proof: proof.clone(),
    };
    Ok(match choices.int_in_range(0..=7)? {
        0 => ServerEvent::VoiceRoster {
            channel_id,
            users: Vec::new(),
            devices: vec![VoiceDevice {
                user_id: user,
                device_id: device,
                proof,
            }],
            ice_servers: Vec::new(),
        },
        1 | 2 => ServerEvent::VoiceJoined {
            channel_id,
            sender: user,
            device_id: Some(device),
            proof,
        },
        3 => ServerEvent::VoiceLeft {
            channel_id,
            sender: user,
            device_id: Some(device),
            lost: choices.arbitrary()?,
        },
        4 => ServerEvent::Answer { sdp, signal },
        5 => ServerEvent::Candidate {
            candidate: "candidate:theirs".to_owned(),
            signal,
        },
        6 => ServerEvent::Error(ErrorEvent {
            code: *choices.choose(&[
                ErrorCode::RateLimited,
                ErrorCode::VoiceNotJoined,
                ErrorCode::NotEntitled,
            ])?,
            message: String::new(),
            channel_id: None,
            client_id: None,
        }),
        _ => ServerEvent::Offer { sdp, signal },
    })
}

fn welcome() -> ServerEvent {
    ServerEvent::Welcome(Welcome {
        protocol: 1,
        server_id: ServerId([1; 16]),
        store_id: StoreId([1; 16]),
        limits: WelcomeLimits {
            body_bytes: 1,
            frame_bytes: 1,
            unacked_messages: 1,
            history_page: 1,
        },
        features: Vec::new(),
        ice_servers: Vec::new(),
        sigchain_head: None,
    })
}
