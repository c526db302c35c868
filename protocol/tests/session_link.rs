//! The session: logging in, the socket, the hello, silence, refusals, and the contract of machines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use dialtone_protocol::client::Change;
use dialtone_protocol::ids::{ServerId, StoreId};
use dialtone_protocol::limits::{
    BACKOFF_MOST, CONNECT_TIMEOUT, HEARTBEAT, IDLE_TIMEOUT, ONLINE_STABLE, PROBE_TIMEOUT, PROTOCOL,
};
use dialtone_protocol::session::{
    Attempt, CallFailure, Event, Input, InputError, Output, Session, State, Stop, Transmit, Warning,
};
use dialtone_protocol::wire::sensitive::Sensitive;
use dialtone_protocol::{Instant, Machine};
use proptest::prelude::*;

struct Link {
    session: Session,
    now: Instant,
    record: Option<Vec<u8>>,
}

impl Link {
    fn new() -> Self {
        Self {
            session: Session::new([1; 32]),
            now: Instant::ZERO,
            record: None,
        }
    }

    fn restart(&mut self) {
        self.session = match &self.record {
            Some(record) => Session::restore([2; 32], record).unwrap(),
            None => Session::new([2; 32]),
        };
    }

    fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.session.poll_output() {
            if let Output::Persist(changes) = &output {
                for change in changes {
                    let Change::Put { value, .. } = change else {
                        panic!("nothing is deleted");
                    };
                    self.record = Some(value.clone());
                }
            }
            outputs.push(output);
        }
        outputs
    }

    fn transmits(&mut self) -> Vec<Transmit> {
        let outputs = self.drain().into_iter();
        let transmits = outputs.filter_map(|output| match output {
            Output::Transmit(transmit) => Some(transmit),
            _ => None,
        });
        transmits.collect()
    }

    fn input(&mut self, input: Input) -> Result<(), InputError> {
        self.session.handle_input(input, self.now)
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.session.handle_timeout(self.now);
    }

    /// Waits for the next deadline.
    fn wait(&mut self) -> Duration {
        assert_eq!(
            self.session.poll_output(),
            None,
            "first carry out what is queued"
        );
        let at = self.session.poll_timeout().unwrap();
        let wait = at - self.now;
        self.pass(wait);
        wait
    }

    fn attempt(&mut self) -> Attempt {
        let transmits = self.transmits();
        let attempt = transmits.iter().find_map(|transmit| match transmit {
            Transmit::AskChallenge { attempt } => Some(*attempt),
            _ => None,
        });
        attempt.unwrap_or_else(|| panic!("no challenge is asked for: {transmits:?}"))
    }

    fn log_in(&mut self) {
        let attempt = self.attempt();
        let result = Ok([3; 32]);
        self.input(Input::Challenge { attempt, result }).unwrap();
        let challenge = [3; 32];
        assert_eq!(self.transmits(), [Transmit::LogIn { attempt, challenge }]);
        let result = Ok(token());
        self.input(Input::LoggedIn { attempt, result }).unwrap();
    }

    fn refuse_login(&mut self) {
        let attempt = self.attempt();
        let result = Err(CallFailure::Refused);
        self.input(Input::Challenge { attempt, result }).unwrap();
    }

    fn welcome(&mut self, server: u8, store: u8) {
        self.input(Input::SocketOpened).unwrap();
        assert!(
            self.transmits()
                .contains(&Transmit::Hello { protocol: PROTOCOL })
        );
        let (server, store) = (ServerId([server; 16]), StoreId([store; 16]));
        let protocol = PROTOCOL;
        self.input(Input::Welcome {
            protocol,
            server,
            store,
        })
        .unwrap();
    }

    fn online() -> Self {
        let mut link = Self::new();
        link.session.connect(link.now);
        link.log_in();
        assert_eq!(link.transmits(), [Transmit::OpenSocket { token: token() }]);
        link.welcome(1, 1);
        assert_eq!(link.session.state(), State::Online);
        link.drain();
        link
    }
}

fn token() -> Sensitive {
    Sensitive::new("the-token")
}

fn waits(state: State) -> bool {
    matches!(state, State::Waiting { .. })
}

// spec 7.1
#[test]
fn it_wants_no_connection_by_itself() {
    let mut link = Link::new();
    link.pass(Duration::from_secs(1000));
    assert_eq!(link.session.poll_timeout(), None);
    assert_eq!(link.drain(), []);
}

// spec 7.2
#[test]
fn a_remembered_token_needs_no_login() {
    let mut link = Link::online();
    link.restart();
    link.session.connect(link.now);
    assert_eq!(link.transmits(), [Transmit::OpenSocket { token: token() }]);
}

// spec 7.2
#[test]
fn a_token_that_is_refused_falls_back_to_a_login() {
    let mut link = Link::online();
    link.restart();
    link.session.connect(link.now);
    link.drain();
    link.input(Input::SocketClosed { status: Some(401) })
        .unwrap();
    assert_eq!(link.session.state(), State::Authenticating);
    link.log_in();
    link.welcome(1, 1);

    // The server ends it while online: at once another login, and the old token is forgotten on the disk.
    link.drain();
    link.restart();
    link.session.connect(link.now);
    link.welcome(1, 1);
    link.drain();
    link.input(Input::TokenRefused).unwrap();
    let outputs = link.drain();
    assert!(outputs.contains(&Output::Transmit(Transmit::CloseSocket)));
    assert_eq!(link.session.state(), State::Authenticating);
    assert!(link.session.token().is_none());
    link.restart();
    assert!(link.session.token().is_none());
}

// spec 7.3
#[test]
fn a_device_that_is_refused_twice_stops() {
    let mut link = Link::new();
    link.session.connect(link.now);
    link.refuse_login();
    assert!(waits(link.session.state()));
    link.drain();
    link.wait();
    link.refuse_login();
    assert_eq!(link.session.state(), State::Stopped(Stop::Refused));
    link.drain();
    assert_eq!(link.session.poll_timeout(), None);
    // Only the user tries again.
    link.session.connect(link.now);
    link.log_in();
}

// spec 7.4
#[test]
fn waits_grow_with_jitter_up_to_a_bound() {
    let mut link = Link::new();
    link.session.connect(link.now);
    let mut longest = Duration::ZERO;
    for round in 0..40 {
        let attempt = link.attempt();
        let result = Err(CallFailure::Unavailable);
        link.input(Input::Challenge { attempt, result }).unwrap();
        link.drain();
        let wait = link.wait();
        let bound = Duration::from_millis(500) * 2u32.pow(round.min(10));
        assert!(
            wait > Duration::ZERO && wait <= bound.min(BACKOFF_MOST),
            "{round}: {wait:?}"
        );
        longest = longest.max(wait);
    }
    assert!(longest > BACKOFF_MOST / 2);
}

// spec 7.4
#[test]
fn only_a_connection_that_held_ends_the_growth() {
    let bound = |held: Duration| {
        let mut longest = Duration::ZERO;
        for seed in 0..30 {
            let mut link = Link::new();
            link.session = Session::new([seed; 32]);
            link.session.connect(link.now);
            link.log_in();
            for _ in 0..6 {
                link.input(Input::SocketClosed { status: None }).unwrap();
                link.drain();
                link.wait();
            }
            link.welcome(1, 1);
            link.drain();
            link.now = link.now + held;
            link.input(Input::SocketClosed { status: None }).unwrap();
            link.drain();
            longest = longest.max(link.wait());
        }
        longest
    };
    assert!(bound(ONLINE_STABLE) <= Duration::from_millis(500));
    assert!(bound(Duration::from_secs(1)) > Duration::from_secs(5));
}

// spec 7.4
#[test]
fn a_step_without_an_answer_is_given_up() {
    let mut link = Link::new();
    link.session.connect(link.now);
    let attempt = link.attempt();
    link.pass(CONNECT_TIMEOUT);
    assert!(waits(link.session.state()));
    let result = Ok([3; 32]);
    let late = link.input(Input::Challenge { attempt, result });
    assert_eq!(late, Err(InputError::NotAsked));

    link.drain();
    link.wait();
    link.log_in();
    link.drain();
    link.pass(CONNECT_TIMEOUT);
    assert!(link.transmits().contains(&Transmit::CloseSocket));
    assert_eq!(link.input(Input::SocketOpened), Err(InputError::NoSocket));
}

// spec 7.5
#[test]
fn a_silent_server_is_asked_and_then_given_up() {
    let mut link = Link::online();
    link.pass(HEARTBEAT);
    assert_eq!(link.transmits(), [Transmit::Ping]);
    link.input(Input::Heard).unwrap();
    link.pass(IDLE_TIMEOUT - HEARTBEAT);
    assert_eq!(link.transmits(), [], "it answered");
    assert_eq!(link.session.state(), State::Online);

    link.wait();
    assert_eq!(link.transmits(), [Transmit::Ping]);
    link.wait();
    assert!(waits(link.session.state()));
    assert_eq!(link.transmits(), [Transmit::CloseSocket]);
}

// spec 7.7
#[test]
fn after_another_address_the_server_has_to_show_soon_that_it_is_reached() {
    let mut link = Link::online();
    for answers in [true, false] {
        link.input(Input::NetworkChanged).unwrap();
        assert_eq!(link.transmits(), [Transmit::Ping]);
        // More changes do not put it off.
        link.pass(PROBE_TIMEOUT / 2);
        link.input(Input::NetworkChanged).unwrap();
        if answers {
            link.input(Input::Heard).unwrap();
        }
        link.pass(PROBE_TIMEOUT / 2);
        assert_eq!(link.session.state() == State::Online, answers);
    }
    assert!(waits(link.session.state()));
    link.drain();
    link.input(Input::NetworkChanged).unwrap();
    assert_eq!(link.transmits(), [Transmit::OpenSocket { token: token() }]);
    link.input(Input::NetworkChanged).unwrap();
    link.pass(PROBE_TIMEOUT);
    assert!(
        waits(link.session.state()),
        "it stood on the address before"
    );
}

// spec 7.6
#[test]
fn a_newer_protocol_stops_with_its_name() {
    let mut link = Link::new();
    link.session.connect(link.now);
    link.log_in();
    link.input(Input::SocketOpened).unwrap();
    let (server, store) = (ServerId([1; 16]), StoreId([1; 16]));
    let protocol = PROTOCOL + 1;
    link.drain();
    link.input(Input::Welcome {
        protocol,
        server,
        store,
    })
    .unwrap();
    let stop = Stop::NeedsNewer { protocol };
    assert_eq!(link.session.state(), State::Stopped(stop));
    assert_eq!(link.transmits(), [Transmit::CloseSocket]);
    assert!(stop.to_string().contains("needs a newer version"));
}

// spec 7.6
#[test]
fn another_server_and_another_store_are_named() {
    let mut link = Link::online();
    for (server, store, warning) in [
        (1, 1, None),
        (1, 2, Some(Warning::OtherStore)),
        (2, 3, Some(Warning::OtherServer)),
        (2, 3, None),
    ] {
        link.restart();
        link.session.connect(link.now);
        link.welcome(server, store);
        assert_eq!(link.session.state(), State::Online);
        let outputs = link.drain();
        let named = outputs.iter().find_map(|output| match output {
            Output::Event(Event::Warning(warning)) => Some(*warning),
            _ => None,
        });
        assert_eq!(named, warning);
    }
}

// spec 7.1
#[test]
fn a_close_ends_everything() {
    let mut link = Link::online();
    link.session.close(link.now);
    assert_eq!(link.transmits(), [Transmit::CloseSocket]);
    assert_eq!(link.session.state(), State::Offline);
    assert_eq!(link.session.poll_timeout(), None);
    let closed = link.input(Input::SocketClosed { status: None });
    assert_eq!(closed, Err(InputError::NoSocket));
}

#[test]
fn nothing_prints_the_token() {
    let mut link = Link::online();
    link.restart();
    link.session.connect(link.now);
    let outputs = format!("{:?} {:?}", link.drain(), link.session);
    assert!(!outputs.contains("the-token"));
}

fn input() -> impl Strategy<Value = Option<Input>> {
    let attempt = || (0..8u64).prop_map(Attempt);
    let failure = || prop_oneof![Just(CallFailure::Refused), Just(CallFailure::Unavailable)];
    let challenge = prop_oneof![Just(Ok([3; 32])), failure().prop_map(Err)];
    let login = prop_oneof![Just(Ok(token())), failure().prop_map(Err)];
    prop_oneof![
        3 => Just(None),
        4 => (attempt(), challenge).prop_map(|(attempt, result)| Some(Input::Challenge { attempt, result })),
        4 => (attempt(), login).prop_map(|(attempt, result)| Some(Input::LoggedIn { attempt, result })),
        3 => Just(Some(Input::SocketOpened)),
        1 => prop_oneof![Just(None), Just(Some(401)), Just(Some(502))]
            .prop_map(|status| Some(Input::SocketClosed { status })),
        3 => (1..3u32, 1..3u8, 1..3u8).prop_map(|(protocol, server, store)| Some(Input::Welcome {
            protocol,
            server: ServerId([server; 16]),
            store: StoreId([store; 16]),
        })),
        1 => Just(Some(Input::Heard)),
        1 => Just(Some(Input::NetworkChanged)),
        1 => Just(Some(Input::TokenRefused)),
    ]
}

proptest! {
    // spec 1.2, 1.3, 1.4, 1.5, 1.6
    #[test]
    fn it_keeps_the_contract_of_machines(
        steps in prop::collection::vec((input(), 0..40_000_000u64, 0..40u8), 0..80),
    ) {
        let (mut one, mut two) = (Link::new(), Link::new());
        for (input, micros, intent) in steps {
            for link in [&mut one, &mut two] {
                link.now = link.now + Duration::from_micros(micros);
                match (&input, intent) {
                    (_, 0) => link.session.close(link.now),
                    (_, 1..5) => link.session.connect(link.now),
                    (Some(input), _) => {
                        let before = (link.session.state(), link.session.poll_timeout());
                        if link.input(input.clone()).is_err() {
                            let after = (link.session.state(), link.session.poll_timeout());
                            prop_assert_eq!(before, after);
                            prop_assert!(link.session.poll_output().is_none());
                        }
                    }
                    (None, _) => {}
                }
                if let Some(due) = link.session.poll_timeout() {
                    // What is queued is due.
                    if link.session.poll_output().is_some() {
                        prop_assert!(due <= link.now);
                    }
                }
                link.drain();
                link.session.handle_timeout(link.now);
                let once = link.drain();
                let due = link.session.poll_timeout();
                prop_assert!(due.is_none_or(|due| due > link.now));
                link.session.handle_timeout(link.now);
                prop_assert!(link.drain().is_empty(), "after {:?}", once);
            }
            prop_assert_eq!(one.session.state(), two.session.state());
            prop_assert_eq!(one.session.poll_timeout(), two.session.poll_timeout());
        }
    }
}
