#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::negotiation::fingerprint;
use super::*;

/// Two devices with a connection, and a network that a hostile one may bend.
struct Two {
    ends: [Connection; 2],
    said: [Vec<PeerEvent>; 2],
    now: Instant,
    /// Each check of the first device comes to the second from another address, if so.
    bends: bool,
    /// What was sent to addresses that nobody has.
    elsewhere: Vec<SocketAddr>,
    /// The last check that the first device sent.
    check: Vec<u8>,
}

fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, u8::try_from(end).unwrap()], 5000))
}

fn elsewhere(number: usize) -> SocketAddr {
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    SocketAddr::from(([10, 9, high, low], 5000))
}

impl Two {
    fn new() -> Self {
        use_pure_cryptography();
        let now = Instant::now();
        let begin = |end| Connection::new(now, BTreeSet::from([Way::Host(address(end))]));
        Self {
            ends: [begin(0), begin(1)],
            said: [Vec::new(), Vec::new()],
            now,
            bends: false,
            elsewhere: Vec::new(),
            check: Vec::new(),
        }
    }

    fn connected() -> Self {
        let mut two = Self::new();
        two.negotiate(0);
        two.wait(2);
        assert!(two.ends.iter().all(|end| end.up));
        two
    }

    fn command(&mut self, end: usize, command: Command) {
        self.ends[end].command(command, self.now);
        self.settle();
    }

    fn offer(&mut self) -> String {
        let (generation, restart) = (0, true);
        let make = Command::MakeOffer {
            generation,
            restart,
        };
        self.command(0, make);
        let said = self.said[0].iter().rev().find_map(|it| match it {
            PeerEvent::OfferMade { sdp, .. } => Some(sdp.clone()),
            _ => None,
        });
        said.unwrap()
    }

    /// The second device's answer, if it gives one.
    fn answer(&mut self, sdp: String) -> Option<String> {
        let generation = 0;
        let before = self.said[1].len();
        self.command(1, Command::TakeOffer { generation, sdp });
        self.said[1].iter().skip(before).find_map(|it| match it {
            PeerEvent::AnswerMade { sdp, .. } => Some(sdp.clone()),
            _ => None,
        })
    }

    fn negotiate(&mut self, times: usize) {
        for _ in 0..=times {
            let offer = self.offer();
            let sdp = self.answer(offer).unwrap();
            self.command(0, Command::TakeAnswer { sdp });
        }
    }

    fn settle(&mut self) {
        loop {
            let mut moved = false;
            for end in [0, 1] {
                while let Some(output) = self.ends[end].poll() {
                    moved = true;
                    match output {
                        Output::Event(event) => self.said[end].push(event),
                        Output::Sound(_) => {}
                        Output::Transmit { from, to, bytes } => self.carry(from, to, &bytes),
                    }
                }
            }
            if !moved {
                break;
            }
        }
    }

    fn carry(&mut self, mut from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if from == address(0) && bytes.starts_with(&[0, 1]) {
            self.check = bytes.to_vec();
            if self.bends {
                from = elsewhere(self.elsewhere.len());
            }
        }
        let to = match to {
            to if to == address(0) || to == address(1) => to,
            to => {
                self.elsewhere.push(to);
                // Who bends addresses gets what is sent there.
                if !self.bends || from != address(1) {
                    return;
                }
                address(0)
            }
        };
        let end = usize::from(to == address(1));
        self.ends[end].datagram(from, to, bytes, self.now);
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds * 50 {
            self.now += Duration::from_millis(20);
            for end in &mut self.ends {
                end.handle_timeout(self.now);
            }
            self.settle();
        }
    }

    fn failed(&self, end: usize) -> bool {
        self.said[end].contains(&PeerEvent::Failed)
    }
}

fn candidates(sdp: &str) -> usize {
    let lines = sdp.lines();
    lines.filter(|it| it.starts_with("a=candidate:")).count()
}

/// The description with so many candidates more, none of which was there before.
fn with_candidates(sdp: &str, many: usize, next: &mut usize) -> String {
    let mut sdp = sdp.trim_end().to_owned();
    for _ in 0..many {
        let (ip, port) = (elsewhere(*next).ip(), 5000);
        sdp += &format!("\r\na=candidate:{next} 1 udp 1 {ip} {port} typ host");
        *next += 1;
    }
    sdp + "\r\n"
}

// spec 11.53
#[test]
fn a_device_that_began_anew_is_reached_by_a_new_connection_at_once() {
    let mut two = Two::connected();
    let began = two.now;
    let ways = BTreeSet::from([Way::Host(address(1))]);
    two.ends[1] = Connection::new(two.now, ways);
    two.negotiate(0);
    assert!(two.failed(0) && two.ends[0].broken);
    two.said = Default::default();
    two.negotiate(0);
    two.wait(2);
    assert!(two.ends.iter().all(|end| end.up && !end.broken));
    assert!(two.now - began < Duration::from_secs(3));
}

#[test]
fn a_device_that_moves_again_and_again_can_always_be_reached() {
    let mut two = Two::connected();
    let mut breaks = 0;
    for number in 0..100 {
        let way = Way::Host(elsewhere(number));
        two.ends[0].add(way);
        let offer = two.offer();
        assert!(offer.contains(&elsewhere(number).ip().to_string()));
        // Whoever lets go of a connection that stood says so.
        let fell = !two.ends[0].up;
        assert_eq!(two.failed(0), fell);
        breaks += usize::from(fell);
        let sdp = two.answer(offer).unwrap();
        two.command(0, Command::TakeAnswer { sdp });
        two.ends[0].remove(way);
        two.wait(2);
        assert!(two.ends.iter().all(|end| end.up && !end.broken));
        two.said = Default::default();
    }
    assert_eq!(breaks, 1);
}

// spec 11.58
#[test]
fn offers_with_the_same_credentials_and_ever_new_candidates_begin_the_connection_anew() {
    let mut two = Two::new();
    let (offer, mut next) = (two.offer(), 0);
    let mut certificates = BTreeSet::new();
    for _ in 0..20 {
        let answer = two.answer(with_candidates(&offer, 60, &mut next)).unwrap();
        certificates.insert(fingerprint(&answer));
        // Nor do single ones go past the bound.
        for _ in 0..60 {
            let candidate = format!(
                "candidate:{next} 1 udp 1 {} 9 typ host",
                elsewhere(next).ip()
            );
            two.command(1, Command::AddCandidate { candidate });
            next += 1;
        }
    }
    assert_eq!(certificates.len(), 5);
}

// spec 11.58
#[test]
fn a_connection_that_starts_anew_again_and_again_stays_the_same() {
    let mut two = Two::connected();
    let before = two.ends[1]
        .rtc
        .direct_api()
        .local_dtls_fingerprint()
        .clone();
    for _ in 0..30 {
        let (mut next, offer) = (0, two.offer());
        let sdp = two.answer(with_candidates(&offer, 50, &mut next)).unwrap();
        two.command(0, Command::TakeAnswer { sdp });
    }
    two.wait(2);
    let after = two.ends[1]
        .rtc
        .direct_api()
        .local_dtls_fingerprint()
        .clone();
    assert_eq!(before, after);
    assert!(two.ends.iter().all(|end| end.up && !end.broken));
    assert!(!two.failed(0) && !two.failed(1));
}

// spec 11.58
#[test]
fn checks_from_ever_other_addresses_are_not_answered_past_the_bound() {
    let mut two = Two::connected();
    let check = two.check.clone();
    for number in 0..200 {
        two.ends[1].datagram(elsewhere(number), address(1), &check, two.now);
    }
    two.settle();
    let answered: BTreeSet<_> = two.elsewhere.iter().collect();
    // One of them is the address that the device has.
    assert_eq!(answered.len(), 63);
    two.wait(15);
    assert!(two.ends.iter().all(|end| end.up && !end.broken));
    // What starts ICE anew is let in from another address, too.
    two.negotiate(0);
    two.wait(2);
    two.elsewhere.clear();
    let check = two.check.clone();
    two.ends[1].datagram(elsewhere(300), address(1), &check, two.now);
    two.settle();
    assert!(two.elsewhere.contains(&elsewhere(300)));
}

// spec 11.58
#[test]
fn a_device_that_says_it_sees_ever_other_addresses_loses_its_connection() {
    let mut two = Two::connected();
    two.bends = true;
    let mut named = 0;
    for _ in 0..120 {
        two.wait(1);
        let mut api = two.ends[0].rtc.sdp_api();
        api.ice_restart(true);
        let (offer, _) = api.apply().unwrap();
        named = named.max(candidates(&offer.to_sdp_string()));
    }
    assert!(named <= 33, "{named} candidates are named");
    assert!(two.failed(0) && two.ends[0].broken);
}

// spec 11.58
#[test]
fn a_device_that_numbers_its_sound_ever_anew_loses_its_connection() {
    let mut two = Two::connected();
    let mid = two.ends[0].mid.unwrap();
    let payload: Arc<[u8]> = [7; 60].into();
    for number in 0..70_u32 {
        let mut api = two.ends[0].rtc.direct_api();
        let ssrc = (1000 + number).into();
        api.reset_stream_tx(mid, None, ssrc, None).unwrap();
        two.ends[0].send(&payload, number * 960, false, two.now);
        two.wait(1);
        if two.ends[1].broken {
            assert!((60..=64).contains(&number), "after {number}");
            break;
        }
    }
    assert!(two.failed(1));
}

// spec 11.58
#[test]
fn a_description_of_too_much_is_refused() {
    for (line, many) in [
        ("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:", 9),
        ("a=ssrc:", 70),
    ] {
        let mut two = Two::new();
        let mut offer = two.offer();
        for number in 0..many {
            let rest = if line.starts_with("a=ssrc") {
                " cname:a"
            } else {
                ""
            };
            offer += &format!("{line}{number}{rest}\r\n");
        }
        assert_eq!(two.answer(offer), None);
        assert!(two.ends[1].broken, "{line}");
        // The next one is another connection.
        let offer = two.offer();
        assert!(two.answer(offer).is_some());
    }
}
