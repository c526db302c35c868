//! A room's machine that is told one thing after the other, and what it puts out.

use std::time::Duration;

use dialtone_protocol::crypto::voice::Speaker;
use dialtone_protocol::ids::{ChannelId, DeviceId, UserId};
use dialtone_protocol::voice::ask::{Answer, Question, Refusal};
use dialtone_protocol::voice::room::{
    AskId, Event, Input, Output, PeerId, Room, Standing, Transmit,
};
use dialtone_protocol::voice::{Command, Input as PairInput};
use dialtone_protocol::wire::event::{IceServer, ServerEvent};
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::wire::voice::{SignalContent, Signalled, VoiceDevice};
use dialtone_protocol::{Instant, Machine};

use crate::welcome::welcome;

pub(crate) const ROOM: ChannelId = ChannelId([9; 16]);
pub(crate) const OWN: Speaker = speaker(1);

pub(crate) const fn speaker(number: u8) -> Speaker {
    Speaker {
        user: UserId([number; 16]),
        device: DeviceId([number; 16]),
    }
}

/// A machine, and what it put out that nobody looked at yet.
pub(crate) struct Script {
    pub(crate) room: Room,
    pub(crate) now: Instant,
    pub(crate) said: Vec<Output>,
}

impl Script {
    /// Before it has entered.
    pub(crate) fn online() -> Self {
        let mut room = Room::new([0; 32], Instant::ZERO);
        room.set_token(Sensitive::new("token"), Instant::ZERO);
        room.connect(Instant::ZERO);
        let mut script = Self {
            room,
            now: Instant::ZERO,
            said: Vec::new(),
        };
        script.drain();
        script.socket();
        script
    }

    /// In the room, with others who were there before.
    pub(crate) fn inside(others: &[u8]) -> Self {
        let mut script = Self::online();
        script.room.enter(ROOM, script.now);
        script.drain();
        let (id, question) = script.asked();
        assert_eq!(question, Question::Enter { room: ROOM });
        script.enters(id);
        script.roster(others);
        script
    }

    /// In the room with one other device that was let in, and this device's offer for it was sent.
    pub(crate) fn with(other: u8, verified: bool) -> (Self, PeerId) {
        let mut script = Self::inside(&[]);
        script.said.clear();
        script.joins(other, verified.then_some("dGhlaXJz"));
        let (id, _) = script.asked();
        script.answer(id, Answer::Admitted { verified });
        let peer = script.room.members().next().unwrap().peer.unwrap();
        let (generation, sdp) = (0, "offer");
        script.peer(peer, PairInput::OfferMade { generation, sdp });
        if verified {
            let (id, question) = script.asked();
            assert!(matches!(question, Question::SignOffer { .. }));
            let proof = "b2ZmZXI=".to_owned();
            script.answer(id, Answer::Signed { proof });
        }
        (script, peer)
    }

    /// The same, and both hear each other.
    pub(crate) fn connected(other: u8) -> (Self, PeerId) {
        let (mut script, peer) = Self::with(other, true);
        script.signals(
            other,
            SignalContent::Answer {
                sdp: "answer".to_owned(),
            },
            Some("YW5zd2Vy"),
        );
        let (id, question) = script.asked();
        assert!(matches!(question, Question::CheckAnswer { .. }));
        script.answer(id, Answer::Good);
        script.peer(peer, PairInput::Connected);
        assert_eq!(script.standing(other), Some(Standing::Connected));
        script.said.clear();
        (script, peer)
    }

    /// What it says when it enters is signed.
    pub(crate) fn enters(&mut self, id: AskId) {
        let Speaker { user, device } = OWN;
        let proof = "b3du".to_owned();
        self.answer(
            id,
            Answer::Entered {
                user,
                device,
                proof,
            },
        );
    }

    pub(crate) fn socket(&mut self) {
        self.input(Input::SocketOpened);
        self.event(welcome());
    }

    pub(crate) fn roster(&mut self, others: &[u8]) {
        self.roster_with(others, Vec::new());
    }

    pub(crate) fn roster_with(&mut self, others: &[u8], ice_servers: Vec<IceServer>) {
        let device = |number: &u8| VoiceDevice {
            user_id: speaker(*number).user,
            device_id: speaker(*number).device,
            proof: Some("dGhlaXJz".to_owned()),
        };
        self.event(ServerEvent::VoiceRoster {
            channel_id: ROOM,
            users: Vec::new(),
            devices: others.iter().chain(&[1]).map(device).collect(),
            ice_servers,
        });
    }

    pub(crate) fn joins(&mut self, other: u8, proof: Option<&str>) {
        self.event(ServerEvent::VoiceJoined {
            channel_id: ROOM,
            sender: speaker(other).user,
            device_id: Some(speaker(other).device),
            proof: proof.map(str::to_owned),
        });
    }

    pub(crate) fn leaves(&mut self, other: u8, lost: bool) {
        self.event(ServerEvent::VoiceLeft {
            channel_id: ROOM,
            sender: speaker(other).user,
            device_id: Some(speaker(other).device),
            lost,
        });
    }

    pub(crate) fn signals(&mut self, other: u8, content: SignalContent, proof: Option<&str>) {
        let signal = Signalled {
            channel_id: ROOM,
            sender: speaker(other).user,
            recipient: OWN.user,
            sender_device_id: Some(speaker(other).device),
            recipient_device_id: Some(OWN.device),
            proof: proof.map(str::to_owned),
        };
        self.event(ServerEvent::signal(content, signal));
    }

    pub(crate) fn offers(&mut self, other: u8, sdp: &str, proof: Option<&str>) {
        let sdp = sdp.to_owned();
        self.signals(other, SignalContent::Offer { sdp }, proof);
    }

    pub(crate) fn event(&mut self, event: ServerEvent) {
        self.input(Input::Frame(event.to_text().as_bytes()));
    }

    pub(crate) fn answer(&mut self, id: AskId, answer: Answer) {
        let answer = &answer;
        self.input(Input::Answered { id, answer });
    }

    pub(crate) fn peer(&mut self, peer: PeerId, input: PairInput<'_>) {
        self.input(Input::Peer { peer, input });
    }

    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.room.handle_input(input, self.now).unwrap();
        self.drain();
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.room.poll_timeout().filter(|due| *due <= until) {
            self.now = due;
            self.room.handle_timeout(due);
            self.drain();
        }
        self.now = until;
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.room.poll_output() {
            self.said.push(output);
        }
    }

    /// The last question.
    pub(crate) fn asked(&mut self) -> (AskId, Question) {
        let asked = self.said.iter().rev().find_map(|output| match output {
            Output::Ask { id, question } => Some((*id, question.clone())),
            _ => None,
        });
        let asked = asked.expect("something is asked");
        self.said.clear();
        asked
    }

    pub(crate) fn frames(&self) -> Vec<&str> {
        let frames = self.said.iter().filter_map(|output| match output {
            Output::Transmit(Transmit::Frame(frame)) => Some(frame.as_str()),
            _ => None,
        });
        frames.collect()
    }

    pub(crate) fn media(&self) -> Vec<(PeerId, Command)> {
        let media = self.said.iter().filter_map(|output| match output {
            Output::Media { peer, command } => Some((*peer, command.clone())),
            _ => None,
        });
        media.collect()
    }

    pub(crate) fn has(&self, event: Event) -> bool {
        self.said.contains(&Output::Event(event))
    }

    pub(crate) fn refused(&self, other: u8, reason: Refusal) -> bool {
        let speaker = speaker(other);
        self.has(Event::Refused { speaker, reason })
    }

    pub(crate) fn standing(&self, other: u8) -> Option<Standing> {
        let mut members = self.room.members();
        let member = members.find(|it| it.speaker == speaker(other));
        member.map(|it| it.standing)
    }
}
