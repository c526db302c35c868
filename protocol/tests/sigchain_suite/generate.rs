//! Histories of a community: honest entries and dishonest ones, chosen by numbers.

use dialtone_protocol::crypto::InviteSecret;
use dialtone_protocol::ids::{ChannelId, Commitment, EntryHash, Epoch, GroupId, Subject};
use dialtone_protocol::sigchain::{Access, Draft, Entry, History, Invalid, Payload, Role};
use proptest::prelude::*;

use crate::world::{Person, TIME, World, invitation};

/// One attempt to write an entry: what the numbers mean depends on who and what there is by then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    author: u8,
    kind: u8,
    which: u8,
    how: u8,
    lie: u8,
}

pub(crate) fn attempts(most: usize) -> impl Strategy<Value = Vec<Attempt>> {
    let numbers = (any::<u8>(), 0..16u8, any::<u8>(), any::<u8>(), 0..12u8);
    let attempt = numbers.prop_map(|(author, kind, which, how, lie)| Attempt {
        author,
        kind,
        which,
        how,
        lie,
    });
    prop::collection::vec(attempt, 1..most)
}

/// A community with all whom it ever knew, and some whom it never did.
pub(crate) struct Crowd {
    pub(crate) world: World,
    people: Vec<Person>,
    channels: Vec<ChannelId>,
    invites: Vec<(InviteSecret, EntryHash)>,
}

fn pick<T>(from: &[T], number: u8) -> &T {
    &from[usize::from(number) % from.len()]
}

impl Crowd {
    pub(crate) fn new() -> Self {
        let (mut world, founder) = World::founded();
        let stranger = world.person();
        let invite = world.invite(&founder, 2);
        let channel = world.keyed_channel(&founder, Access::Private, History::FromJoin);
        Self {
            // Half of the attempts are the founder's, so that histories grow.
            people: vec![founder.clone(), founder, stranger],
            channels: vec![channel],
            invites: vec![invite],
            world,
        }
    }

    /// Makes one attempt, and remembers whom and what it brought in.
    pub(crate) fn attempt(&mut self, attempt: Attempt) -> Result<(), Invalid> {
        let Attempt {
            author, which, how, ..
        } = attempt;
        let author = match author {
            0..128 => self.people[0].clone(),
            _ => pick(&self.people, author).clone(),
        };
        let other = pick(&self.people, which).clone();
        let channel = *pick(&self.channels, which);
        let newcomer = match how % 4 {
            0 => other.clone(),
            _ => self.world.person(),
        };
        let own = self.world.device_of(author.user);
        let fresh = ChannelId::from_random(self.world.entropy.bytes());
        let secret = InviteSecret::generate(&mut self.world.entropy);
        let invite = pick(&self.invites, which).clone();
        let payload = match attempt.kind {
            0 => invitation(&secret, u32::from(how % 4)),
            1 => Payload::RevokeInvite { invite: invite.1 },
            2 => Payload::Join {
                user: newcomer.user,
                device: self.world.record(&newcomer),
                invite: invite.1,
            },
            3 => self.world.vouch(&newcomer),
            4 => Payload::SetRole {
                user: other.user,
                role: if how % 2 == 0 {
                    Role::Admin
                } else {
                    Role::Member
                },
            },
            5 => Payload::CreateChannel {
                channel: if how % 8 == 0 { channel } else { fresh },
                access: if how % 2 == 0 {
                    Access::Open
                } else {
                    Access::Private
                },
                history: if which % 2 == 0 {
                    History::All
                } else {
                    History::FromJoin
                },
            },
            6 => Payload::DeleteChannel { channel },
            7 => self.world.add_device(&own),
            8 => Payload::SetRecovery {
                device: self.world.record(&own),
            },
            9 => Payload::RevokeDevice {
                device: other.device,
            },
            10 => Payload::RemoveUser { user: other.user },
            11 => Payload::AddToChannel {
                channel,
                user: other.user,
            },
            12 => Payload::RemoveFromChannel {
                channel,
                user: other.user,
            },
            13 => Payload::SetName {
                subject: match how % 2 {
                    0 => Subject::User(other.user),
                    _ => Subject::Channel(channel),
                },
                commitment: Commitment([how; 32]),
            },
            14 => self.rotation(channel, how),
            _ => self.world.genesis(&other),
        };
        let entry = match attempt.kind {
            2 => self.sign_join(attempt, &newcomer, payload, &invite.0),
            _ => self.sign(attempt, &author, payload),
        };
        let head = self.world.offer(entry)?.head.hash;
        match attempt.kind {
            0 => self.invites.push((secret, head)),
            2 | 3 => self.people.push(newcomer),
            5 => self.channels.push(fresh),
            7 | 8 => self.people.push(own),
            _ => {}
        }
        Ok(())
    }

    fn rotation(&self, channel: ChannelId, how: u8) -> Payload {
        let group = match how % 2 {
            0 => GroupId::Open,
            _ => GroupId::Channel(channel),
        };
        let next = self.world.chain.group(group).and_then(|it| it.epoch());
        let next = next.map_or(Epoch(0), Epoch::next);
        Payload::RotateKey {
            group,
            epoch: if how % 16 < 2 { next.next() } else { next },
            commitment: Commitment([how; 32]),
            previous: None,
        }
    }

    /// Signs as the author, or with one of the lies that a rule must catch.
    fn sign(&self, attempt: Attempt, author: &Person, payload: Payload) -> Entry {
        let draft = self.draft(attempt, author, payload);
        match attempt.lie {
            0 => draft.sign(&pick(&self.people, attempt.how).secret),
            1 => draft.sign_join(&author.secret, &self.invites[0].0),
            _ => draft.sign(&author.secret),
        }
    }

    fn sign_join(
        &self,
        attempt: Attempt,
        newcomer: &Person,
        payload: Payload,
        invite: &InviteSecret,
    ) -> Entry {
        let draft = self.draft(attempt, newcomer, payload);
        match attempt.lie {
            0 => draft.sign_join(&newcomer.secret, &pick(&self.invites, attempt.how).0),
            1 => draft.sign(&newcomer.secret),
            _ => draft.sign_join(&newcomer.secret, invite),
        }
    }

    fn draft(&self, attempt: Attempt, author: &Person, payload: Payload) -> Draft {
        match attempt.lie {
            // Not after the head, but after an earlier entry.
            2 => {
                let entry = pick(&self.world.log, attempt.how);
                Draft::after(entry, author.device, TIME, payload)
            }
            _ => Draft::new(&self.world.chain, author.device, TIME, payload),
        }
    }
}
