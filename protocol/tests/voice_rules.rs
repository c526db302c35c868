//! The machine of a room, one thing after the other: what it asks, says, believes and refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "voice_rules/script.rs"]
mod script;
#[path = "support/welcome.rs"]
mod welcome;

use std::time::Duration;

use dialtone_protocol::crypto::voice::Speaker;
use dialtone_protocol::limits;
use dialtone_protocol::voice::ask::{Answer, Question, Refusal};
use dialtone_protocol::voice::room::{
    Event, Input, Leaving, Output, Room, RoomError, Standing, Transmit,
};
use dialtone_protocol::voice::{Command, Input as PairInput};
use dialtone_protocol::wire::event::{ErrorCode, ErrorEvent, IceServer, ServerEvent};
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::wire::voice::SignalContent;
use dialtone_protocol::{Instant, Machine};

use script::{OWN, ROOM, Script, speaker};

// spec 11.41
#[test]
fn nothing_is_said_before_it_is_signed_nor_believed_before_it_is_checked() {
    let mut script = Script::inside(&[2]);
    let (id, question) = script.asked();
    assert!(matches!(question, Question::Admit { .. }));
    // What comes before the answer waits.
    script.offers(2, "theirs", Some("cHJvb2Y="));
    let candidate = "candidate:1".to_owned();
    script.signals(2, SignalContent::Candidate { candidate }, None);
    assert_eq!(script.media(), []);
    script.answer(id, Answer::Admitted { verified: true });
    let (id, question) = script.asked();
    assert!(matches!(question, Question::CheckOffer { .. }));
    assert_eq!(script.media(), []);
    script.answer(id, Answer::Offered { generation: 0 });
    let commands: Vec<_> = script.media().into_iter().map(|(_, it)| it).collect();
    assert_eq!(
        commands,
        [
            Command::TakeOffer {
                generation: 0,
                sdp: "theirs".to_owned()
            },
            Command::AddCandidate {
                candidate: "candidate:1".to_owned()
            },
        ]
    );
    let peer = script.media()[0].0;
    script.said.clear();
    let (generation, sdp) = (0, "ours");
    script.peer(peer, PairInput::AnswerMade { generation, sdp });
    let candidate = "candidate:2";
    script.peer(peer, PairInput::LocalCandidate { candidate });
    assert_eq!(script.frames(), Vec::<&str>::new());
    let (id, question) = script.asked();
    assert!(matches!(question, Question::SignAnswer { .. }));
    let proof = "c2lnbmVk".to_owned();
    script.answer(id, Answer::Signed { proof });
    let frames = script.frames();
    assert!(frames[0].contains("webrtc_answer") && frames[0].contains("c2lnbmVk"));
    assert!(frames[1].contains("candidate:2"));
    assert_eq!(frames.len(), 2);
}

// spec 11.42
#[test]
fn a_question_that_nobody_can_answer_yet_is_asked_again() {
    let mut script = Script::inside(&[2]);
    let (id, question) = script.asked();
    // An answer that fits no such question is none.
    for answer in [Answer::NotYet, Answer::Good] {
        script.answer(id, answer);
        assert_eq!(script.said, []);
        script.wait(limits::ASK_AGAIN_MAX);
        assert_eq!(script.asked(), (id, question.clone()));
    }
    script.answer(id, Answer::Admitted { verified: true });
    assert_eq!(script.standing(2), Some(Standing::Connecting));
    let answer = &Answer::Good;
    assert_eq!(
        script
            .room
            .handle_input(Input::Answered { id, answer }, script.now),
        Err(RoomError::UnknownAsk)
    );
}

// spec 11.42
#[test]
fn who_answers_anew_judges_everybody_anew() {
    let (mut script, peer) = Script::connected(2);
    script.room.unanswered(script.now);
    script.wait(limits::UNANSWERED / 2);
    assert_eq!(
        script.said,
        [],
        "a client that is started again is waited for"
    );
    script.room.ask_anew(script.now);
    script.drain();
    assert_eq!(script.media(), [(peer, Command::Close)]);
    assert!(script.frames()[0].contains("voice_leave"));
    let (id, question) = script.asked();
    assert_eq!(question, Question::Enter { room: ROOM });
    script.enters(id);
    script.roster(&[2]);
    let (_, question) = script.asked();
    assert!(matches!(question, Question::Admit { .. }), "{question:?}");
    script.wait(limits::UNANSWERED * 2);
    assert!(script.room.is_inside());
}

// spec 11.42
#[test]
fn a_room_is_left_when_nobody_watches_over_it_and_not_entered_when_nobody_signs() {
    let (mut script, peer) = Script::connected(2);
    script.room.unanswered(script.now);
    script.wait(limits::UNANSWERED);
    let (room, why) = (ROOM, Leaving::Unanswered);
    let left = Event::Left { room, why };
    assert!(script.has(left.clone()));
    assert_eq!(script.media(), [(peer, Command::Close)]);
    assert!(script.frames()[0].contains("voice_leave"));
    // Whoever wants in later waits as long.
    script.wait(Duration::from_secs(60));
    script.said.clear();
    script.room.enter(ROOM, script.now);
    script.wait(limits::UNANSWERED - Duration::from_millis(1));
    assert_eq!(script.room.room(), Some(ROOM));
    script.wait(Duration::from_millis(1));
    assert!(script.has(left));
    assert_eq!(script.room.room(), None);
}

// spec 11.43
#[test]
fn what_is_refused_changes_nothing_and_is_named() {
    let (mut script, _) = Script::connected(2);
    script.offers(2, "swapped", Some("cHJvb2Y="));
    let (id, _) = script.asked();
    let reason = Refusal::Forged;
    script.answer(id, Answer::Refused { reason });
    assert!(script.refused(2, Refusal::Forged));
    script.offers(2, "unsigned", None);
    assert!(script.refused(2, Refusal::UnsignedMember));
    assert_eq!(script.media(), []);
    // An offer that was believed before is not believed twice.
    for again in [false, true] {
        script.offers(2, "theirs", Some("cHJvb2Y="));
        let (id, _) = script.asked();
        script.answer(id, Answer::Offered { generation: 5 });
        assert_eq!(script.refused(2, Refusal::Replayed), again);
        assert_eq!(script.media().is_empty(), again);
    }
}

// spec 11.43
#[test]
fn a_false_claim_does_not_unseat_who_is_heard() {
    let (mut script, peer) = Script::connected(2);
    script.joins(2, Some("b3RoZXI="));
    let (id, _) = script.asked();
    assert_eq!(script.standing(2), Some(Standing::Connected));
    let reason = Refusal::Forged;
    script.answer(id, Answer::Refused { reason });
    assert_eq!(script.standing(2), Some(Standing::Connected));
    assert_eq!(script.room.speaker(peer), Some(speaker(2)));
    assert_eq!(script.media(), []);
    // A true one does: that is another stay.
    script.joins(2, Some("bmV3"));
    let (id, _) = script.asked();
    script.answer(id, Answer::Admitted { verified: true });
    let media = script.media();
    assert_eq!(media[0], (peer, Command::Close));
    assert!(matches!(media[1].1, Command::MakeOffer { .. }));
    assert_ne!(media[1].0, peer);
}

// spec 11.44
#[test]
fn whom_the_log_puts_out_is_cut_off_at_once() {
    let (mut script, peer) = Script::connected(2);
    let (room, speaker) = (ROOM, speaker(2));
    script.input(Input::Revoked { room, speaker });
    assert_eq!(script.media(), [(peer, Command::Close)]);
    assert!(script.refused(2, Refusal::NotEntitled));
    assert_eq!(script.standing(2), None);
    // And so is everybody if it is this device.
    let (mut script, peer) = Script::connected(2);
    let speaker = OWN;
    script.input(Input::Revoked { room, speaker });
    assert_eq!(script.media(), [(peer, Command::Close)]);
    let why = Leaving::NotAllowed(Refusal::OwnNotEntitled);
    assert!(script.has(Event::Left { room, why }));
    assert!(script.frames()[0].contains("voice_leave"));
}

// spec 11.45
#[test]
fn who_is_heard_is_heard_on_while_the_server_is_away() {
    let (mut script, peer) = Script::connected(2);
    script.input(Input::SocketClosed { status: None });
    assert_eq!(script.standing(2), Some(Standing::Connected));
    assert!(!script.room.is_inside());
    script.wait(Duration::from_secs(31));
    assert_eq!(script.media(), []);
    script.said.clear();
    script.socket();
    // The same proof: it is the same stay.
    assert!(
        script
            .frames()
            .iter()
            .any(|it| it.contains("voice_join") && it.contains("b3du"))
    );
    script.said.clear();
    // The other one is not back yet.
    script.roster(&[]);
    assert!(script.room.is_inside());
    assert_eq!(script.standing(2), Some(Standing::Connected));
    script.joins(2, Some("dGhlaXJz"));
    assert_eq!(script.media(), []);
    assert!(!script.room.members().next().unwrap().absent);
    assert_eq!(script.room.speaker(peer), Some(speaker(2)));
}

// spec 11.46
#[test]
fn who_leaves_is_gone_at_once_and_who_is_lost_after_a_while() {
    let (mut script, peer) = Script::connected(2);
    script.leaves(2, false);
    assert_eq!(script.media(), [(peer, Command::Close)]);
    let (mut script, peer) = Script::connected(2);
    script.leaves(2, true);
    assert_eq!(script.media(), []);
    assert!(script.room.members().next().unwrap().absent);
    script.wait(limits::ABSENCE);
    assert_eq!(script.media(), [(peer, Command::Close)]);
    assert_eq!(script.standing(2), None);
    // Who cannot be heard either is gone at once.
    let (mut script, peer) = Script::connected(2);
    script.leaves(2, true);
    script.peer(peer, PairInput::Failed);
    assert_eq!(script.standing(2), None);
}

// spec 11.47
#[test]
fn who_signs_nothing_is_talked_to_without_proofs() {
    let (mut script, peer) = Script::with(2, false);
    let frames = script.frames();
    assert!(frames[0].contains("webrtc_offer") && !frames[0].contains("proof"));
    script.said.clear();
    let sdp = "answer".to_owned();
    script.signals(2, SignalContent::Answer { sdp }, None);
    let sdp = "answer".to_owned();
    assert_eq!(script.media(), [(peer, Command::TakeAnswer { sdp })]);
    assert!(!script.room.members().next().unwrap().verified);
    // When it comes again it is offered anew, as the original does.
    script.said.clear();
    script.joins(2, None);
    let (id, _) = script.asked();
    script.answer(id, Answer::Admitted { verified: false });
    assert_eq!(script.media()[0], (peer, Command::Close));
    assert!(matches!(
        script.media()[1].1,
        Command::MakeOffer { restart: false, .. }
    ));
}

// spec 11.48
#[test]
fn a_refusal_of_the_server_is_handed_on_in_its_words() {
    for again in [false, true] {
        let mut script = match again {
            true => Script::connected(2).0,
            false => Script::inside(&[]),
        };
        if !again {
            script.room.leave(script.now);
            script.room.enter(ROOM, script.now);
            script.drain();
            let (id, _) = script.asked();
            let proof = "b3du".to_owned();
            let Speaker { user, device } = OWN;
            script.answer(
                id,
                Answer::Entered {
                    user,
                    device,
                    proof,
                },
            );
        } else {
            script.input(Input::SocketClosed { status: None });
            script.wait(Duration::from_secs(31));
            script.socket();
        }
        script.event(ServerEvent::Error(ErrorEvent {
            code: ErrorCode::RateLimited,
            message: "this room is full".to_owned(),
            channel_id: None,
            client_id: None,
        }));
        let why = Leaving::Refused("this room is full".to_owned());
        // Who was inside knocks again a little later.
        assert_eq!(script.has(Event::Left { room: ROOM, why }), !again);
        assert_eq!(script.room.room(), again.then_some(ROOM));
    }
}

// spec 11.41
#[test]
fn a_roster_for_an_earlier_stay_hides_nobody_from_the_next_one() {
    let mut script = Script::online();
    for stay in 0..2 {
        script.room.enter(ROOM, script.now);
        script.drain();
        let (id, _) = script.asked();
        script.enters(id);
        if stay == 0 {
            script.room.leave(script.now);
            script.drain();
        }
    }
    // While this device was away for a moment one came and one left.
    script.roster(&[2]);
    script.roster(&[3]);
    let here: Vec<_> = script.room.members().map(|it| it.speaker).collect();
    assert_eq!(here, [speaker(3)]);
}

// spec 11.45
#[test]
fn who_stays_long_asks_for_relays_again_and_hears_everybody_meanwhile() {
    for lent in [true, false] {
        // Somebody of the original, whose connection would be made anew if it came again.
        let (mut script, peer) = Script::with(2, false);
        let sdp = "answer".to_owned();
        script.signals(2, SignalContent::Answer { sdp }, None);
        script.peer(peer, PairInput::Connected);
        let servers = || {
            let server = IceServer {
                urls: vec!["turn:turn.example".to_owned()],
                username: lent.then(|| "name".to_owned()),
                credential: lent.then(|| Sensitive::new("password")),
            };
            vec![server]
        };
        script.roster_with(&[2], servers());
        script.said.clear();
        let began = script.now;
        let asks = |script: &Script| {
            script
                .frames()
                .iter()
                .filter(|it| it.contains("b3du"))
                .count()
        };
        while asks(&script) == 0 && script.now - began < limits::TURN_LOGIN_LIFE {
            script.wait(Duration::from_secs(10));
            // The server is there all the time.
            script.leaves(99, false);
        }
        assert_eq!(asks(&script), usize::from(lent));
        if !lent {
            continue;
        }
        assert!(script.now - began < limits::RELAY_RENEWAL + Duration::from_secs(20));
        // A server that does not want to, or says nothing, is asked again, and nobody leaves for that.
        script.event(ServerEvent::Error(ErrorEvent {
            code: ErrorCode::InvalidMessage,
            message: "no".to_owned(),
            channel_id: None,
            client_id: None,
        }));
        script.wait(limits::ROSTER_WAIT);
        assert_eq!(asks(&script), 2);
        assert!(script.room.is_inside());
        script.said.clear();
        script.roster_with(&[2], servers());
        assert_eq!(script.said, [Output::IceServers(servers())]);
        assert_eq!(script.standing(2), Some(Standing::Connected));
        script.wait(limits::ROSTER_WAIT);
        assert_eq!(asks(&script), 0);
    }
}

// spec 11.48
#[test]
fn who_is_turned_out_leaves_everybody() {
    let (mut script, peer) = Script::connected(2);
    script.leaves(1, false);
    let (room, why) = (ROOM, Leaving::TurnedOut);
    assert!(script.has(Event::Left { room, why }));
    assert_eq!(script.media(), [(peer, Command::Close)]);
    assert_eq!(script.frames(), Vec::<&str>::new());
}

// spec 11.49
#[test]
fn a_server_cannot_fill_it_up() {
    let others: Vec<u8> = (2..200).collect();
    let mut script = Script::inside(&others);
    assert_eq!(script.room.members().count(), limits::MAX_ROOM_MEMBERS);
    let admit = script.said.iter().find_map(|output| match output {
        Output::Ask {
            id,
            question: Question::Admit { peer, .. },
        } if peer.device == speaker(2).device => Some(*id),
        _ => None,
    });
    script.said.clear();
    let long = "x".repeat(limits::MAX_SDP_BYTES);
    for _ in 0..1000 {
        script.offers(2, &long, Some("cHJvb2Y="));
        let candidate = "c".repeat(limits::MAX_CANDIDATE_BYTES + 1);
        script.signals(2, SignalContent::Candidate { candidate }, None);
    }
    script.answer(admit.unwrap(), Answer::Admitted { verified: true });
    let mut checked = 0;
    loop {
        let asked = script.said.iter().rev().find_map(|output| match output {
            Output::Ask {
                id,
                question: Question::CheckOffer { .. },
            } => Some(*id),
            _ => None,
        });
        script.said.clear();
        let Some(id) = asked else { break };
        checked += 1;
        let reason = Refusal::Forged;
        script.answer(id, Answer::Refused { reason });
    }
    assert_eq!(checked, limits::MAX_WAITING_DESCRIPTIONS);
}

// spec 11.40
#[test]
fn a_token_that_is_refused_is_asked_for_anew() {
    let mut room = Room::new([0; 32], Instant::ZERO);
    room.connect(Instant::ZERO);
    let mut script = Script {
        room,
        now: Instant::ZERO,
        said: Vec::new(),
    };
    script.drain();
    for token in ["first", "second"] {
        let (id, question) = script.asked();
        assert_eq!(question, Question::Token);
        let token = Sensitive::new(token);
        script.answer(
            id,
            Answer::Token {
                token: token.clone(),
            },
        );
        let opens = Output::Transmit(Transmit::OpenSocket { token });
        assert!(script.said.contains(&opens));
        script.input(Input::SocketClosed { status: Some(401) });
        script.wait(Duration::from_secs(31));
    }
}
