use alloc::vec;
use core::time::Duration;

use super::*;
use crate::crypto::envelope::{self, Recipient};
use crate::crypto::{Entropy, InviteSecret, Secret};
use crate::ids::{ChannelId, CommunityId};
use crate::limits;
use crate::sigchain::{Access, DeviceRecord, Draft, History, Payload, Role};
use crate::time::UnixMillis;

const CHANNEL: ChannelId = ChannelId([9; 16]);
const GROUP: GroupId = GroupId::Channel(CHANNEL);

/// A community of three: the founder and two whom it vouched for. All are in one private channel.
struct World {
    chain: Chain,
    entropy: Entropy,
    secrets: [DeviceSecret; 4],
}

impl World {
    fn new(history: History) -> Self {
        let mut world = Self::with(Chain::new());
        world.append(
            1,
            Payload::Genesis {
                user: user(1),
                device: world.record(1),
            },
        );
        for other in [2, 3] {
            world.append(
                1,
                Payload::Vouch {
                    user: user(other),
                    device: world.record(other),
                },
            );
        }
        world.append(
            1,
            Payload::CreateChannel {
                channel: CHANNEL,
                access: Access::Private,
                history,
            },
        );
        for other in [2, 3] {
            world.append(
                1,
                Payload::AddToChannel {
                    channel: CHANNEL,
                    user: user(other),
                },
            );
        }
        world
    }

    fn with(chain: Chain) -> Self {
        let secrets = [0, 1, 2, 3].map(secret);
        Self {
            chain,
            entropy: Entropy::from_seed([1; 32]),
            secrets,
        }
    }

    fn context(&self, n: u8) -> Context<'_> {
        Context {
            chain: &self.chain,
            device: id(n),
            secret: &self.secrets[usize::from(n)],
        }
    }

    fn community(&self) -> CommunityId {
        self.chain.community().unwrap_or_default()
    }

    fn record(&self, device: u8) -> DeviceRecord {
        DeviceRecord::new(&self.community(), user(device), id(device), &secret(device))
    }

    fn append(&mut self, author: u8, payload: Payload) {
        let entry =
            Draft::new(&self.chain, id(author), UnixMillis(0), payload).sign(&secret(author));
        self.chain.apply(&entry).unwrap();
    }

    /// Opens the next epoch of the channel, with the key before it if there is one.
    fn rotate(&mut self, author: u8, before: Option<&KeyRecord>) -> KeyRecord {
        let community = self.community();
        let epoch = before.map_or(Epoch(0), |before| before.epoch.next());
        let sealer = secret(author);
        let key = GroupKey::generate(&community, GROUP, epoch, &sealer, &mut self.entropy);
        let carried = before.filter(|_| reads_all(&self.chain, GROUP));
        let previous = carried.map(|before| {
            key.seal_previous(
                &community,
                GROUP,
                epoch,
                &before.key,
                &sealer,
                &mut self.entropy,
            )
        });
        let commitment = key.commitment(&community, GROUP, epoch);
        self.append(
            author,
            Payload::RotateKey {
                group: GROUP,
                epoch,
                commitment,
                previous,
            },
        );
        KeyRecord {
            group: GROUP,
            epoch,
            key,
        }
    }

    fn envelope(&mut self, to: u8, record: &KeyRecord) -> StoredEnvelope {
        let recipient = Recipient {
            id: RecipientId::Device(id(to)),
            dh: secret(to).public().dh,
        };
        let records = core::slice::from_ref(record);
        let community = self.community();
        let bytes = envelope::seal(
            &community,
            &recipient,
            records,
            &secret(1),
            &mut self.entropy,
        );
        StoredEnvelope {
            cursor: 1,
            poster: id(1),
            bytes: bytes.unwrap(),
        }
    }
}

fn user(n: u8) -> UserId {
    UserId([n; 16])
}

fn id(n: u8) -> DeviceId {
    DeviceId([n; 16])
}

fn secret(n: u8) -> DeviceSecret {
    DeviceSecret::from_seed(Secret::from_bytes([n; 32]))
}

/// Hands in what happened, and answers what the machine says to it.
fn tell(keys: &mut Keys, input: Input<'_>, now: Instant) -> Vec<Output> {
    let _ = keys.handle_input(input, now);
    drain(keys)
}

fn drain(keys: &mut Keys) -> Vec<Output> {
    core::iter::from_fn(|| keys.poll_output()).collect()
}

fn owed(to: u8, epoch: Epoch) -> OwedKey {
    OwedKey {
        recipient: RecipientId::Device(id(to)),
        group: GROUP,
        epoch,
    }
}

fn seconds(n: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(n)
}

// spec 9.11
#[test]
fn an_envelope_becomes_a_key_only_if_the_log_commits_to_it() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let good = world.envelope(2, &record);
    let planted = KeyRecord {
        key: GroupKey::from_secret(Secret::from_bytes([7; 32])),
        ..record.clone()
    };
    let bad = world.envelope(2, &planted);
    let mut keys = Keys::default();
    let said = tell(
        &mut keys,
        Input::Envelopes {
            context: world.context(2),
            envelopes: core::slice::from_ref(&bad),
        },
        Instant::ZERO,
    );
    let reason = EnvelopeError::WrongCommitment {
        group: GROUP,
        epoch: Epoch(0),
    };
    assert_eq!(
        said,
        vec![Output::Refused {
            poster: id(1),
            reason
        }]
    );
    assert_eq!(keys.get(GROUP, Epoch(0)), None);
    let said = tell(
        &mut keys,
        Input::Envelopes {
            context: world.context(2),
            envelopes: core::slice::from_ref(&good),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![Output::Held(record)]);
}

// spec 9.12
#[test]
fn the_newest_key_brings_those_before_it() {
    let mut world = World::new(History::All);
    let zero = world.rotate(1, None);
    let one = world.rotate(2, Some(&zero));
    let two = world.rotate(3, Some(&one));
    let mut keys = Keys::default();
    keys.hold(two.clone(), &world.chain);
    assert_eq!(
        drain(&mut keys),
        vec![Output::Held(two), Output::Held(one), Output::Held(zero)]
    );
}

// spec 9.13
#[test]
fn an_envelope_that_is_ahead_of_the_log_waits_for_it() {
    let mut world = World::new(History::All);
    let short = World::with(world.chain.clone());
    let record = world.rotate(1, None);
    let envelope = world.envelope(2, &record);
    let mut keys = Keys::default();
    let said = tell(
        &mut keys,
        Input::Envelopes {
            context: short.context(2),
            envelopes: core::slice::from_ref(&envelope),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![Output::WantLog]);
    let said = tell(
        &mut keys,
        Input::LogMoved {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![Output::Held(record)]);
}

// spec 9.20, 9.21
#[test]
fn holders_wait_by_rank_and_stand_down() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let key = owed(3, Epoch(0));
    for (holder, wait) in [(1, 0), (2, 1)] {
        let mut keys = Keys::new([record.clone()], Instant::ZERO);
        let said = tell(
            &mut keys,
            Input::Requested {
                context: world.context(holder),
                key,
            },
            Instant::ZERO,
        );
        assert_eq!(said.is_empty(), wait > 0);
        if wait > 0 {
            assert_eq!(keys.poll_timeout(), Some(seconds(wait)));
            let _ = keys.handle_input(
                Input::Available {
                    recipient: key.recipient,
                    group: GROUP,
                    epoch: Epoch(0),
                },
                Instant::ZERO,
            );
            keys.handle_timeout(seconds(wait));
            assert_eq!(drain(&mut keys), vec![]);
            assert!(!keys.owes());
        } else {
            assert_eq!(said, vec![Output::Post(vec![key])]);
        }
    }
}

// spec 9.20
#[test]
fn nobody_outside_the_log_gets_a_key() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let mut keys = Keys::new([record], Instant::ZERO);
    let said = tell(
        &mut keys,
        Input::Owed {
            context: world.context(1),
            owed: &[owed(77, Epoch(0))],
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![]);
    assert!(!keys.owes());
}

// spec 9.20
#[test]
fn the_past_of_a_channel_from_the_join_on_is_not_shared() {
    let mut world = World::new(History::FromJoin);
    let zero = world.rotate(1, None);
    let (channel, user) = (CHANNEL, user(2));
    world.append(1, Payload::RemoveFromChannel { channel, user });
    let one = world.rotate(1, Some(&zero));
    world.append(1, Payload::AddToChannel { channel, user });
    let two = world.rotate(1, Some(&one));
    let mut keys = Keys::new([zero, one, two], Instant::ZERO);
    let said = tell(
        &mut keys,
        Input::Owed {
            context: world.context(1),
            owed: &[owed(2, Epoch(0)), owed(2, Epoch(1)), owed(2, Epoch(2))],
        },
        Instant::ZERO,
    );
    // It was there in the first epoch, and is again.
    let its_own = vec![owed(2, Epoch(0)), owed(2, Epoch(2))];
    assert_eq!(said, vec![Output::Post(its_own)]);

    let mut lost = Keys::new([], Instant::ZERO);
    let context = world.context(2);
    let said = tell(&mut lost, Input::Fetched { context }, Instant::ZERO);
    let asked = [Epoch(0), Epoch(2)].map(|epoch| Output::Ask {
        group: GROUP,
        epoch,
    });
    assert_eq!(said, asked);
}

// spec 9.22
#[test]
fn who_leaves_posts_at_once() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let mut keys = Keys::new([record], Instant::ZERO);
    let key = owed(2, Epoch(0));
    let said = tell(
        &mut keys,
        Input::Requested {
            context: world.context(3),
            key,
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![]);
    keys.hurry(Instant::ZERO);
    assert_eq!(drain(&mut keys), vec![Output::Post(vec![key])]);
}

// spec 9.23, 9.24
#[test]
fn a_missing_key_is_asked_for_and_in_the_end_replaced() {
    let mut world = World::new(History::All);
    world.rotate(1, None);
    let mut keys = Keys::default();
    let _ = tell(
        &mut keys,
        Input::LogMoved {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    let ask = Output::Ask {
        group: GROUP,
        epoch: Epoch(0),
    };
    let said = tell(
        &mut keys,
        Input::Fetched {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![ask.clone()]);
    for time in 2..=limits::ASKS_UNHELPED {
        let due = keys.poll_timeout().unwrap();
        keys.handle_timeout(due);
        let mut expected = vec![ask.clone()];
        if time == limits::ASKS_UNHELPED {
            expected.insert(0, Output::Rotate(GROUP));
        }
        assert_eq!(drain(&mut keys), expected);
    }
}

// spec 9.23
#[test]
fn a_key_that_came_is_not_asked_for_again() {
    let mut world = World::new(History::All);
    let record = world.rotate(1, None);
    let mut keys = Keys::default();
    let said = tell(
        &mut keys,
        Input::Fetched {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    assert_eq!(said.len(), 1);
    keys.hold(record, &world.chain);
    let _ = drain(&mut keys);
    assert_eq!(keys.poll_timeout(), None);
}

// spec 9.30
#[test]
fn a_removal_makes_the_first_member_rotate() {
    let mut world = World::new(History::All);
    world.rotate(1, None);
    world.append(
        1,
        Payload::SetRole {
            user: user(2),
            role: Role::Admin,
        },
    );
    world.append(1, Payload::RemoveUser { user: user(3) });
    let mut first = Keys::default();
    let said = tell(
        &mut first,
        Input::LogMoved {
            context: world.context(1),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![Output::Rotate(GROUP)]);
    let mut second = Keys::default();
    let said = tell(
        &mut second,
        Input::LogMoved {
            context: world.context(2),
        },
        Instant::ZERO,
    );
    assert_eq!(said, vec![]);
    second.handle_timeout(seconds(1));
    assert_eq!(drain(&mut second), vec![Output::Rotate(GROUP)]);
    // Who was removed has no say.
    let mut gone = Keys::default();
    let said = tell(
        &mut gone,
        Input::LogMoved {
            context: world.context(3),
        },
        Instant::ZERO,
    );
    assert_eq!((said, gone.poll_timeout()), (vec![], None));
}

// spec 9.32
#[test]
fn repairs_of_one_author_are_bounded() {
    let mut world = World::new(History::All);
    let zero = world.rotate(1, None);
    let mut rotations = Rotations::default();
    rotations.log_moved(world.context(2), Instant::ZERO);
    for _ in 0..limits::MAX_REPAIRS {
        assert_eq!(rotations.repair(GROUP, Epoch(0)), Ok(()));
    }
    assert_eq!(rotations.repair(GROUP, Epoch(0)), Err(Some(user(1))));
    assert_eq!(rotations.repair(GROUP, Epoch(0)), Err(None));
    // A newer key would be no help against a missing older one.
    world.rotate(3, Some(&zero));
    rotations.log_moved(world.context(2), Instant::ZERO);
    assert_eq!(rotations.repair(GROUP, Epoch(0)), Err(None));
}

// spec 9.10
#[test]
fn an_open_invite_is_one_of_everybody() {
    let mut world = World::new(History::All);
    let keys = InviteSecret::from_bytes([5; 16]).keys().public();
    world.append(
        1,
        Payload::Invite {
            key: keys.sign,
            dh: keys.dh,
            uses: 1,
            expires: UnixMillis(1),
        },
    );
    let head = world.chain.head().unwrap();
    assert!(
        world
            .chain
            .is_recipient(RecipientId::Invite(head.hash), GroupId::Open)
    );
    assert!(
        !world
            .chain
            .is_recipient(RecipientId::Invite(head.hash), GROUP)
    );
}
