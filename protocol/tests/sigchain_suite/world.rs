//! A community to try entries on.

use dialtone_protocol::UnixMillis;
use dialtone_protocol::crypto::{DeviceSecret, Entropy, InviteSecret};
use dialtone_protocol::ids::{
    ChannelId, Commitment, CommunityId, DeviceId, EntryHash, Epoch, GroupId, UserId,
};
use dialtone_protocol::sigchain::{
    Access, Applied, Chain, DeviceRecord, Draft, Effect, Entry, History, Invalid, Payload, Role,
};

/// Somebody with one device.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) secret: DeviceSecret,
}

/// A log with the secrets of those who write it.
pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) entropy: Entropy,
    /// The entries that were taken.
    pub(crate) log: Vec<Entry>,
}

pub(crate) const TIME: UnixMillis = UnixMillis(1_790_000_000_000);

impl World {
    /// A log without entries.
    pub(crate) fn empty() -> Self {
        Self {
            chain: Chain::new(),
            entropy: Entropy::from_seed([7; 32]),
            log: Vec::new(),
        }
    }

    /// A community of one, with the first key of everybody.
    pub(crate) fn founded() -> (Self, Person) {
        let mut world = Self::empty();
        let founder = world.person();
        let genesis = world.genesis(&founder);
        world.must(&founder, genesis);
        world.must(&founder, rotation(GroupId::Open, 0));
        (world, founder)
    }

    /// Somebody of whom the log knows nothing.
    pub(crate) fn person(&mut self) -> Person {
        let user = UserId::from_random(self.entropy.bytes());
        self.device_of(user)
    }

    /// Another device for a user.
    pub(crate) fn device_of(&mut self, user: UserId) -> Person {
        Person {
            user,
            device: DeviceId::from_random(self.entropy.bytes()),
            secret: DeviceSecret::generate(&mut self.entropy),
        }
    }

    pub(crate) fn community(&self) -> CommunityId {
        self.chain.community().unwrap_or_default()
    }

    pub(crate) fn record(&self, of: &Person) -> DeviceRecord {
        DeviceRecord::new(&self.community(), of.user, of.device, &of.secret)
    }

    pub(crate) fn genesis(&self, founder: &Person) -> Payload {
        Payload::Genesis {
            user: founder.user,
            device: DeviceRecord::new(
                &CommunityId::default(),
                founder.user,
                founder.device,
                &founder.secret,
            ),
        }
    }

    pub(crate) fn vouch(&self, newcomer: &Person) -> Payload {
        Payload::Vouch {
            user: newcomer.user,
            device: self.record(newcomer),
        }
    }

    pub(crate) fn add_device(&self, device: &Person) -> Payload {
        Payload::AddDevice {
            user: device.user,
            device: self.record(device),
        }
    }

    /// Offers an entry; one that is refused must leave no trace.
    pub(crate) fn offer(&mut self, entry: Entry) -> Result<Applied, Invalid> {
        let before = self.chain.clone();
        let result = self.chain.append(entry.bytes());
        match result {
            Ok(_) => self.log.push(entry),
            Err(_) => assert_eq!(self.chain, before, "refused, and yet something changed"),
        }
        result
    }

    /// Offers an entry by this author.
    pub(crate) fn say(&mut self, author: &Person, payload: Payload) -> Result<Applied, Invalid> {
        let draft = Draft::new(&self.chain, author.device, TIME, payload);
        self.offer(draft.sign(&author.secret))
    }

    /// Appends an entry by this author, and answers what it changed.
    pub(crate) fn must(&mut self, author: &Person, payload: Payload) -> Vec<Effect> {
        self.say(author, payload).unwrap().effects
    }

    /// Asks why an entry by this author is refused.
    pub(crate) fn refusal(&mut self, author: &Person, payload: Payload) -> Invalid {
        self.say(author, payload).unwrap_err()
    }

    /// A member who was vouched for.
    pub(crate) fn member(&mut self, admin: &Person) -> Person {
        let newcomer = self.person();
        let vouch = self.vouch(&newcomer);
        self.must(admin, vouch);
        newcomer
    }

    /// A second admin.
    pub(crate) fn admin(&mut self, admin: &Person) -> Person {
        let other = self.member(admin);
        self.must(admin, role(&other, Role::Admin));
        other
    }

    /// An open invite.
    pub(crate) fn invite(&mut self, admin: &Person, uses: u32) -> (InviteSecret, EntryHash) {
        let secret = InviteSecret::generate(&mut self.entropy);
        let applied = self.say(admin, invitation(&secret, uses)).unwrap();
        (secret, applied.head.hash)
    }

    pub(crate) fn join(
        &mut self,
        newcomer: &Person,
        (secret, invite): &(InviteSecret, EntryHash),
    ) -> Result<Applied, Invalid> {
        let payload = Payload::Join {
            user: newcomer.user,
            device: self.record(newcomer),
            invite: *invite,
        };
        let draft = Draft::new(&self.chain, newcomer.device, TIME, payload);
        self.offer(draft.sign_join(&newcomer.secret, secret))
    }

    pub(crate) fn channel(&mut self, by: &Person, access: Access, history: History) -> ChannelId {
        let channel = ChannelId::from_random(self.entropy.bytes());
        self.must(
            by,
            Payload::CreateChannel {
                channel,
                access,
                history,
            },
        );
        channel
    }

    /// A channel with keys of its own and its first epoch open.
    pub(crate) fn keyed_channel(
        &mut self,
        by: &Person,
        access: Access,
        history: History,
    ) -> ChannelId {
        let channel = self.channel(by, access, history);
        self.must(by, rotation(GroupId::Channel(channel), 0));
        channel
    }
}

pub(crate) fn invitation(secret: &InviteSecret, uses: u32) -> Payload {
    let public = secret.keys().public();
    Payload::Invite {
        key: public.sign,
        dh: public.dh,
        uses,
        expires: TIME,
    }
}

pub(crate) fn rotation(group: GroupId, epoch: u32) -> Payload {
    Payload::RotateKey {
        group,
        epoch: Epoch(epoch),
        commitment: Commitment([epoch as u8; 32]),
        previous: None,
    }
}

pub(crate) fn role(of: &Person, role: Role) -> Payload {
    Payload::SetRole {
        user: of.user,
        role,
    }
}

pub(crate) fn removal(of: &Person) -> Payload {
    Payload::RemoveUser { user: of.user }
}

pub(crate) fn adding(channel: ChannelId, who: &Person) -> Payload {
    Payload::AddToChannel {
        channel,
        user: who.user,
    }
}

pub(crate) fn taking_out(channel: ChannelId, who: &Person) -> Payload {
    Payload::RemoveFromChannel {
        channel,
        user: who.user,
    }
}
