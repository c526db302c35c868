//! What a device of the room says, bent, on a connection that lives.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// How what was said is bent.
#[derive(Clone, Debug)]
enum Bend {
    Cut(Index),
    Grow(Vec<u8>),
    /// It comes again as it was.
    Nothing,
    Put(Index, u8),
    /// A line, or what stands in its place in a datagram, comes twice.
    Repeat(Index),
    Remove(Index),
    Swap(Index, Index),
}

/// Something that the second device, or somebody in its name, says to the first.
#[derive(Clone, Debug)]
struct Deed {
    what: Index,
    bends: Vec<Bend>,
    /// From another address than its own.
    elsewhere: bool,
    /// A description is an offer, not an answer.
    offers: bool,
}

fn bend() -> impl Strategy<Value = Bend> {
    let at = || any::<Index>();
    prop_oneof![
        at().prop_map(Bend::Cut),
        prop::collection::vec(any::<u8>(), 0..80).prop_map(Bend::Grow),
        Just(Bend::Nothing),
        (at(), any::<u8>()).prop_map(|(at, byte)| Bend::Put(at, byte)),
        at().prop_map(Bend::Repeat),
        at().prop_map(Bend::Remove),
        (at(), at()).prop_map(|(one, other)| Bend::Swap(one, other)),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    let bends = prop::collection::vec(bend(), 1..4);
    (any::<Index>(), bends, any::<bool>(), any::<bool>()).prop_map(|it| Deed {
        what: it.0,
        bends: it.1,
        elsewhere: it.2,
        offers: it.3,
    })
}

impl Bend {
    /// Bends a list of pieces: bytes of a datagram, or lines of a description.
    fn pieces<T: Clone>(&self, pieces: &mut Vec<T>) {
        if pieces.is_empty() {
            return;
        }
        let many = pieces.len();
        let at = |index: &Index| index.index(many);
        match self {
            Self::Cut(index) => pieces.truncate(at(index)),
            Self::Remove(index) => drop(pieces.remove(at(index))),
            Self::Repeat(index) => pieces.insert(at(index), pieces[at(index)].clone()),
            Self::Swap(one, other) => pieces.swap(at(one), at(other)),
            Self::Grow(_) | Self::Nothing | Self::Put(..) => {}
        }
    }

    fn bytes(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Grow(more) => bytes.extend(more),
            Self::Put(index, byte) if !bytes.is_empty() => {
                let at = index.index(bytes.len());
                bytes[at] = *byte;
            }
            other => other.pieces(bytes),
        }
    }

    fn text(&self, text: &mut String) {
        match self {
            Self::Grow(_) | Self::Put(..) => {
                let mut bytes = core::mem::take(text).into_bytes();
                self.bytes(&mut bytes);
                *text = String::from_utf8_lossy(&bytes).into_owned();
            }
            other => {
                let mut lines: Vec<_> = text.split_inclusive('\n').map(str::to_owned).collect();
                other.pieces(&mut lines);
                *text = lines.concat();
            }
        }
    }
}

impl World {
    fn suffer(&mut self, number: usize, deed: &Deed) {
        if self.tapped.is_empty() {
            return;
        }
        let now = self.now;
        match deed.what.get(&self.tapped).clone() {
            Tapped::Datagram(mut bytes) => {
                deed.bends.iter().for_each(|it| it.bytes(&mut bytes));
                let port = if deed.elsewhere { 6000 } else { 5000 };
                self.meshes[0].datagram(SocketId(0), address(1, port), &bytes, now);
            }
            Tapped::Candidate(mut candidate) => {
                deed.bends.iter().for_each(|it| it.text(&mut candidate));
                self.meshes[0].command(peer(1), Command::AddCandidate { candidate }, now);
            }
            Tapped::Description(mut sdp) => {
                deed.bends.iter().for_each(|it| it.text(&mut sdp));
                let generation = u32::try_from(number).unwrap();
                let command = match deed.offers {
                    true => Command::TakeOffer { generation, sdp },
                    false => Command::TakeAnswer { sdp },
                };
                self.meshes[0].command(peer(1), command, now);
            }
        }
        self.settle();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // spec 11.58
    #[test]
    fn nothing_that_one_device_says_ends_the_conversation_with_another(
        quiet in 0..60_usize,
        deeds in prop::collection::vec((deed(), 0..3_usize), 1..60),
    ) {
        let mut world = World::new(3);
        // From the first checks on, or in the middle of what was said.
        world.talk(quiet);
        for (number, (deed, frames)) in deeds.iter().enumerate() {
            world.suffer(number, deed);
            world.talk(*frames);
        }
        world.wait(Duration::from_secs(3));
        world.sound.clear();
        world.talk(20);
        for ends in [(0, 2), (2, 0), (1, 2), (2, 1)] {
            prop_assert_eq!(world.sound[&ends].len(), 20, "{:?}", ends);
        }
    }
}
