//! What holds for any bytes and any order of any entries.

use dialtone_protocol::UnixMillis;
use dialtone_protocol::crypto::{DeviceSecret, InviteSecret, Secret};
use dialtone_protocol::ids::{
    ChannelId, Commitment, CommunityId, DeviceId, EntryHash, Epoch, GroupId, RecipientId, Subject,
    UserId,
};
use dialtone_protocol::sigchain::{
    Access, Chain, Channel, DeviceRecord, Draft, Entry, History, Payload, Role, SEALED_KEY_BYTES,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::generate::{Crowd, attempts};

/// A payload of any kind, with nothing in it that fits together.
fn payload() -> impl Strategy<Value = Payload> {
    let user = any::<[u8; 16]>().prop_map(UserId);
    let device = any::<[u8; 16]>().prop_map(DeviceId);
    let channel = any::<[u8; 16]>().prop_map(ChannelId);
    let invite = any::<[u8; 32]>().prop_map(EntryHash);
    let commitment = any::<[u8; 32]>().prop_map(Commitment);
    let record = (any::<[u8; 32]>(), user.clone(), device.clone()).prop_map(|(seed, user, id)| {
        let secret = DeviceSecret::from_seed(Secret::from_bytes(seed));
        DeviceRecord::new(&CommunityId::default(), user, id, &secret)
    });
    let group = prop_oneof![
        Just(GroupId::Open),
        channel.clone().prop_map(GroupId::Channel)
    ];
    let subject = prop_oneof![
        user.clone().prop_map(Subject::User),
        channel.clone().prop_map(Subject::Channel)
    ];
    let members =
        (0..3u8, user.clone(), record.clone()).prop_map(|(kind, user, device)| match kind {
            0 => Payload::Genesis { user, device },
            1 => Payload::Vouch { user, device },
            _ => Payload::AddDevice { user, device },
        });
    let invites = (
        any::<[u8; 16]>(),
        any::<u32>(),
        any::<u64>(),
        invite.clone(),
    )
        .prop_map(|(secret, uses, expires, invite)| {
            let keys = InviteSecret::from_bytes(secret).keys().public();
            match uses % 4 {
                0 => Payload::RevokeInvite { invite },
                _ => Payload::Invite {
                    key: keys.sign,
                    dh: keys.dh,
                    uses,
                    expires: UnixMillis(expires),
                },
            }
        });
    let joins =
        (user.clone(), record.clone(), invite).prop_map(|(user, device, invite)| Payload::Join {
            user,
            device,
            invite,
        });
    let ends =
        (0..4u8, user.clone(), device, any::<bool>()).prop_map(|(kind, user, device, admin)| {
            match kind {
                0 => Payload::RevokeDevice { device },
                1 => Payload::RemoveUser { user },
                _ => Payload::SetRole {
                    user,
                    role: if admin { Role::Admin } else { Role::Member },
                },
            }
        });
    let channels = (0..4u8, channel, user, any::<(bool, bool)>()).prop_map(
        |(kind, channel, user, (open, all))| match kind {
            0 => Payload::CreateChannel {
                channel,
                access: if open { Access::Open } else { Access::Private },
                history: if all { History::All } else { History::FromJoin },
            },
            1 => Payload::DeleteChannel { channel },
            2 => Payload::AddToChannel { channel, user },
            _ => Payload::RemoveFromChannel { channel, user },
        },
    );
    let previous = prop::option::of(prop::collection::vec(any::<u8>(), SEALED_KEY_BYTES));
    let rotations = (group, any::<u32>(), commitment.clone(), previous).prop_map(
        |(group, epoch, commitment, previous)| Payload::RotateKey {
            group,
            epoch: Epoch(epoch),
            commitment,
            previous,
        },
    );
    prop_oneof![
        members,
        invites,
        joins,
        ends,
        channels,
        rotations,
        record.prop_map(|device| Payload::SetRecovery { device }),
        (subject, commitment).prop_map(|(subject, commitment)| Payload::SetName {
            subject,
            commitment
        }),
    ]
}

/// Whether somebody who once could get the key of an epoch that is open now may not get it any more.
fn is_leaking(chain: &Chain) -> bool {
    let last = chain.next_index();
    chain.groups().any(|(group, state)| {
        let Some(epoch) = state.epochs.last().filter(|epoch| epoch.span.is_open()) else {
            return false;
        };
        chain.all_devices().any(|(id, device)| {
            let entitled = |index| match group {
                GroupId::Channel(channel) => chain.entitled_device_at(id, channel, index),
                _ => device.span.contains(index),
            };
            let once = (epoch.span.from..last).any(entitled);
            once && !chain.is_recipient(RecipientId::Device(id), group)
        })
    })
}

/// Whether somebody gets a key that was in use before it came, in a channel that keeps its past from newcomers.
fn is_telling_the_past(chain: &Chain) -> bool {
    let kept = |channel: &Channel| channel.history == History::FromJoin;
    let mut channels = chain.channels().filter(|(_, channel)| kept(channel));
    channels.any(|(id, channel)| {
        let group = GroupId::Channel(id);
        let epoch = chain.open_epoch(group);
        let Some(epoch) = epoch.and_then(|epoch| chain.epoch(group, epoch)) else {
            return false;
        };
        chain.users().any(|(id, user)| {
            let since = user.span.contains(epoch.span.from) && channel.had_at(id, epoch.span.from);
            chain.is_in_group(id, group) && !since
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_by_name(bytes: Vec<u8>) {
        let mut chain = Chain::new();
        prop_assert!(chain.append(&bytes).is_err());
        prop_assert_eq!(chain, Chain::new());
        let _ = DeviceRecord::decode(&bytes);
    }

    // spec 4.1 to 4.5
    #[test]
    fn decoding_an_encoded_entry_gives_it_back(payload in payload(), seed: [u8; 32], time: u64) {
        let secret = DeviceSecret::from_seed(Secret::from_bytes(seed));
        let author = DeviceId([1; 16]);
        let draft = Draft::new(&Chain::new(), author, UnixMillis(time), payload.clone());
        let entry = draft.sign(&secret);
        prop_assert_eq!(entry.payload(), &payload);
        prop_assert_eq!(entry.time(), UnixMillis(time));
        prop_assert_eq!(Entry::decode(entry.bytes()), Ok(entry));
    }

    #[test]
    fn decoding_an_encoded_record_gives_it_back(seed: [u8; 32], community: [u8; 32]) {
        let secret = DeviceSecret::from_seed(Secret::from_bytes(seed));
        let (community, user) = (CommunityId(community), UserId([2; 16]));
        let record = DeviceRecord::new(&community, user, DeviceId([1; 16]), &secret);
        prop_assert_eq!(DeviceRecord::decode(&record.encode()), Ok(record.clone()));
        prop_assert!(record.verify(&community, user).is_ok());
        prop_assert!(record.verify(&community, UserId([3; 16])).is_err());
    }

    /// No entry survives the change of one bit: it is not decoded, not signed, or does not follow the head.
    #[test]
    fn no_bit_of_an_entry_can_be_changed(attempts in attempts(12), entry: Index, bit: Index) {
        let mut crowd = Crowd::new();
        for attempt in attempts {
            let _ = crowd.attempt(attempt);
        }
        let log = &crowd.world.log;
        let at = entry.index(log.len());
        let mut chain = Chain::new();
        chain.apply_all(&log[..at]).unwrap();
        let before = chain.clone();
        let mut bytes = log[at].bytes().to_vec();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(chain.append(&bytes).is_err());
        prop_assert_eq!(chain, before);
    }

    /// That a refused entry leaves no trace is asked at every attempt by `World::offer`.
    // spec 4.27 to 4.29, 4.39
    #[test]
    fn no_history_breaks_what_the_log_promises(attempts in attempts(48)) {
        let mut crowd = Crowd::new();
        for attempt in attempts {
            let taken = crowd.attempt(attempt);
            let chain = &crowd.world.chain;
            let able = chain.users().filter(|(id, user)| chain.is_admin(*id) && !user.devices.is_empty());
            prop_assert!(able.count() > 0, "nobody can administer");
            prop_assert!(chain.invites().all(|(_, invite)| chain.is_admin(invite.user)));
            prop_assert!(chain.invites().all(|(_, invite)| invite.uses_left > 0));
            prop_assert!(chain.devices().all(|(_, device)| chain.is_member(device.user)));
            if taken.is_ok() {
                prop_assert!(!is_leaking(chain), "an open epoch that somebody who is out knows");
                prop_assert!(!is_telling_the_past(chain), "a newcomer gets a key of before");
            }
        }
    }

    // spec 4.45, 4.46
    #[test]
    fn all_verifiers_of_the_same_bytes_agree(attempts in attempts(32), cuts: Vec<Index>) {
        let mut crowd = Crowd::new();
        for attempt in attempts {
            let _ = crowd.attempt(attempt);
        }
        let log = &crowd.world.log;
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(log.len())).collect();
        cuts.extend([0, log.len()]);
        cuts.sort_unstable();
        let mut chain = Chain::new();
        for pair in cuts.windows(2) {
            chain.apply_all(&log[pair[0]..pair[1]]).unwrap();
        }
        prop_assert_eq!(&chain, &crowd.world.chain);
        let head = chain.head().unwrap();
        prop_assert_eq!(Chain::replay(log.iter().map(Entry::bytes), head), Ok(chain));
    }

    /// Two branches, offered in any order and any number of times: who is at the same head holds the same state.
    #[test]
    fn the_head_says_all_of_the_state(
        trunk in attempts(8), left in attempts(12), right in attempts(12), order: Vec<Index>,
    ) {
        let branches = [left, right].map(|branch| {
            let mut crowd = Crowd::new();
            for attempt in trunk.iter().chain(&branch) {
                let _ = crowd.attempt(*attempt);
            }
            crowd.world.log
        });
        let all = branches.concat();
        let mut chain = Chain::new();
        let mut taken = Vec::new();
        let offered = order.iter().map(|index| &all[index.index(all.len())]);
        for entry in offered.chain(&all).chain(&all) {
            if chain.apply(entry).is_ok() {
                taken.push(entry.clone());
            }
        }
        let branch = branches.iter().find(|branch| branch.starts_with(&taken));
        prop_assert!(branch.is_some(), "what was taken is a prefix of one branch");
        let mut again = Chain::new();
        again.apply_all(&taken).unwrap();
        prop_assert_eq!(chain, again);
    }
}
