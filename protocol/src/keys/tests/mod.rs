//! Key sharing among three members of one channel.

mod holding;
mod rotating;
mod sharing;

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
