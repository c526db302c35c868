//! People who found and join a community through the hub.

use dialtone_protocol::UnixMillis;
use dialtone_protocol::crypto::message::{self, Address, Plain, Seen};
use dialtone_protocol::crypto::{DeviceSecret, Entropy, GroupKey, Secret, envelope};
use dialtone_protocol::hub::ConnId;
use dialtone_protocol::ids::{
    ChannelId, ClientId, CommunityId, DeviceId, Epoch, GroupId, Head, RecipientId, Seq, Transcript,
    UserId,
};
use dialtone_protocol::sigchain::{Access, Chain, DeviceRecord, Draft, Entry, History, Payload};
use dialtone_protocol::wire::base64;
use dialtone_protocol::wire::cbor;
use dialtone_protocol::wire::chain::{Append, Appended, ChainPage, SealedEnvelope, SealedName};
use dialtone_protocol::wire::http::{Request, Response};
use minicbor::bytes::ByteVec;
use serde_json::{Value, json};

use crate::world::{START, World};

/// Somebody with an account and a signing device.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) token: String,
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    pub(crate) secret: DeviceSecret,
}

/// A world with a founded community, as a member sees it.
pub(crate) struct Community {
    pub(crate) world: World,
    pub(crate) chain: Chain,
    pub(crate) founder: Person,
    pub(crate) entropy: Entropy,
    pub(crate) key: GroupKey,
}

/// An account whose device signs.
pub(crate) fn person(world: &mut World, name: &str, seed: u8) -> Person {
    let secret = DeviceSecret::from_seed(Secret::from_bytes([seed; 32]));
    let invite = world.invite();
    let public = secret.public();
    let body = json!({
        "username": name, "password": "password1", "invite_token": invite,
        "public_key": base64::encode(public.dh.as_bytes()),
        "signing_key": base64::encode(public.sign.as_bytes()),
    });
    let (status, answer) = world.http("POST", "/auth/register", None, body);
    assert_eq!(status, 201, "{answer}");
    Person {
        token: answer["token"].as_str().unwrap().to_owned(),
        user: answer["user_id"].as_str().unwrap().parse().unwrap(),
        device: answer["device_id"].as_str().unwrap().parse().unwrap(),
        secret,
    }
}

pub(crate) fn genesis(founder: &Person) -> Payload {
    let community = CommunityId::default();
    let record = DeviceRecord::new(&community, founder.user, founder.device, &founder.secret);
    Payload::Genesis {
        user: founder.user,
        device: record,
    }
}

pub(crate) fn reason(response: &Response) -> String {
    let value: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    value["error"].as_str().unwrap_or_default().to_owned()
}

impl Community {
    pub(crate) fn found() -> Self {
        let mut world = World::new();
        let founder = person(&mut world, "ann", 1);
        let entropy = Entropy::from_seed([3; 32]);
        let mut community = Self {
            world,
            chain: Chain::new(),
            founder: founder.clone(),
            entropy,
            key: GroupKey::from_secret(Secret::from_bytes([5; 32])),
        };
        community.must(&founder, genesis(&founder));
        let rotation = community.rotation(GroupId::Open, 0);
        community.must(&founder, rotation);
        community
    }

    pub(crate) fn id(&self) -> CommunityId {
        self.chain.community().unwrap()
    }

    pub(crate) fn rotation(&self, group: GroupId, epoch: u32) -> Payload {
        Payload::RotateKey {
            group,
            epoch: Epoch(epoch),
            commitment: self.key.commitment(&self.id(), group, Epoch(epoch)),
            previous: None,
        }
    }

    pub(crate) fn draft(&self, author: &Person, payload: Payload) -> Entry {
        Draft::new(&self.chain, author.device, START, payload).sign(&author.secret)
    }

    /// Posts entries as they stand, expecting the log to end where it does.
    pub(crate) fn post(&mut self, poster: &Person, append: Append) -> Response {
        self.world
            .ask(Request::AppendSigchain(append), Some(&poster.token))
    }

    pub(crate) fn append(&self, entries: &[&Entry]) -> Append {
        Append {
            expected: self.chain.head(),
            entries: entries
                .iter()
                .map(|entry| ByteVec::from(entry.bytes().to_vec()))
                .collect(),
            ..Append::default()
        }
    }

    pub(crate) fn offer(&mut self, author: &Person, payload: Payload) -> Response {
        let entry = self.draft(author, payload);
        let append = self.append(&[&entry]);
        self.post(author, append)
    }

    /// Appends an entry that must be taken.
    pub(crate) fn must(&mut self, author: &Person, payload: Payload) -> Head {
        let entry = self.draft(author, payload);
        let append = self.append(&[&entry]);
        let response = self.post(author, append);
        assert_eq!(response.status, 201, "{}", reason(&response));
        self.chain.append(entry.bytes()).unwrap();
        let appended: Appended = cbor::decode(&response.body).unwrap();
        assert_eq!(Some(appended.head), self.chain.head());
        appended.head
    }

    /// Somebody who registered and was vouched for.
    pub(crate) fn member(&mut self, name: &str, seed: u8) -> Person {
        let newcomer = person(&mut self.world, name, seed);
        let vouch = self.vouch(&newcomer);
        let founder = self.founder.clone();
        self.must(&founder, vouch);
        newcomer
    }

    pub(crate) fn vouch(&self, newcomer: &Person) -> Payload {
        let community = self.id();
        Payload::Vouch {
            user: newcomer.user,
            device: DeviceRecord::new(&community, newcomer.user, newcomer.device, &newcomer.secret),
        }
    }

    /// A channel that everybody is in.
    pub(crate) fn open_channel(&mut self, id: u8) -> ChannelId {
        let channel = ChannelId([id; 16]);
        let founder = self.founder.clone();
        let payload = Payload::CreateChannel {
            channel,
            access: Access::Open,
            history: History::All,
        };
        self.must(&founder, payload);
        channel
    }

    /// A channel of the founder alone, with its first key.
    pub(crate) fn private_channel(&mut self, id: u8) -> ChannelId {
        let channel = ChannelId([id; 16]);
        let founder = self.founder.clone();
        let payload = Payload::CreateChannel {
            channel,
            access: Access::Private,
            history: History::All,
        };
        self.must(&founder, payload);
        let rotation = self.rotation(GroupId::Channel(channel), 0);
        self.must(&founder, rotation);
        channel
    }

    pub(crate) fn sealed(
        &mut self,
        by: &Person,
        channel: ChannelId,
        epoch: u32,
        client: u8,
    ) -> Value {
        let address = Address {
            community: self.id(),
            channel,
            epoch: Epoch(epoch),
            user: by.user,
            device: by.device,
            client_id: ClientId([client; 16]),
        };
        let plain = Plain {
            content: cbor::encode(&"hello"),
            head: self.chain.head().unwrap(),
            seen: Seen {
                seq: Seq(0),
                transcript: Transcript::default(),
            },
        };
        let key = self.key.clone();
        let body = message::seal(&address, &plain, &key, &by.secret, &mut self.entropy).unwrap();
        json!({
            "type": "channel.message.send", "channel_id": channel.to_string(),
            "client_id": ClientId([client; 16]).to_string(), "body": base64::encode(&body),
        })
    }

    /// Sends a frame and answers what comes back to the sender first.
    pub(crate) fn send(&mut self, conn: ConnId, frame: Value) -> Value {
        self.world.frame(conn, frame);
        self.world.events(conn).remove(0)
    }

    pub(crate) fn envelope(
        &mut self,
        to: RecipientId,
        group: GroupId,
        epoch: u32,
    ) -> SealedEnvelope {
        let community = self.id();
        let recipients = self.chain.recipients(group);
        let recipient = recipients.iter().find(|it| it.id == to);
        let dh = match recipient {
            Some(recipient) => recipient.dh,
            None => self.founder.secret.public().dh,
        };
        let record = envelope::KeyRecord {
            group,
            epoch: Epoch(epoch),
            key: self.key.clone(),
        };
        let recipient = envelope::Recipient { id: to, dh };
        let sealer = self.founder.secret.clone();
        let bytes = envelope::seal(
            &community,
            &recipient,
            &[record],
            &sealer,
            &mut self.entropy,
        )
        .unwrap();
        SealedEnvelope {
            recipient: to,
            bytes,
        }
    }

    pub(crate) fn page(&mut self, by: &Person, from: u64) -> ChainPage {
        let response = self.world.ask(Request::Sigchain { from }, Some(&by.token));
        assert_eq!(response.status, 200);
        cbor::decode(&response.body).unwrap()
    }
}

/// A name that nobody can open, under the first key of everybody.
pub(crate) fn sealed_name(user: UserId, bytes: &[u8]) -> SealedName {
    SealedName {
        subject: dialtone_protocol::ids::Subject::User(user),
        group: GroupId::Open,
        epoch: Epoch(0),
        bytes: bytes.to_vec(),
    }
}

pub(crate) const NEVER: UnixMillis = UnixMillis(u64::MAX);
