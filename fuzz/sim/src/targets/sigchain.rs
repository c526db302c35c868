//! The log under any entries in any order: it never panics, a refusal changes nothing, and two who read the same
//! bytes agree.

use arbitrary::{Result, Unstructured};
use dialtone_protocol::UnixMillis;
use dialtone_protocol::crypto::secret::Secret;
use dialtone_protocol::crypto::{DeviceSecret, InviteSecret};
use dialtone_protocol::ids::{
    ChannelId, Commitment, DeviceId, EntryHash, Epoch, GroupId, Subject, UserId,
};
use dialtone_protocol::sigchain::{
    Access, Chain, DeviceRecord, Draft, Entry, History, Payload, Role,
};

/// The most entries of one case: signatures are slow.
const ENTRIES: usize = 24;

/// Takes choices: what each entry says, who signs it, and which bytes of it are damaged.
pub fn run(bytes: &[u8]) {
    let mut choices = Unstructured::new(bytes);
    let (mut one, mut other) = (Chain::new(), Chain::new());
    let mut history: Vec<Vec<u8>> = Vec::new();
    for _ in 0..ENTRIES {
        let Ok(entry) = any_entry(&mut choices, &one, &history) else {
            break;
        };
        let before = one.clone();
        match (one.append(&entry), other.append(&entry)) {
            (Ok(first), Ok(second)) => {
                assert_eq!(first, second, "two verifiers derive the same");
                history.push(entry);
            }
            (Err(first), Err(second)) => {
                assert_eq!(first, second, "two verifiers refuse for the same reason");
                assert_eq!(one, before, "a refusal changes nothing");
            }
            _ => panic!("two verifiers disagree on an entry"),
        }
    }
    assert_eq!(one, other, "two verifiers of the same bytes agree");
    if let Some(head) = one.head() {
        let replayed = Chain::replay(&history, head);
        assert_eq!(
            replayed.as_ref(),
            Ok(&one),
            "a replay under a checkpoint gives the same"
        );
    }
}

fn any_entry(
    choices: &mut Unstructured<'_>,
    chain: &Chain,
    history: &[Vec<u8>],
) -> Result<Vec<u8>> {
    if choices.is_empty() {
        return Err(arbitrary::Error::NotEnoughData);
    }
    if choices.ratio(1, 8)? && !history.is_empty() {
        // An entry of the past once more.
        return choices.choose(history).cloned();
    }
    let signer = id(choices)?;
    let author = if choices.ratio(7, 8)? {
        signer
    } else {
        id(choices)?
    };
    let payload = any_payload(choices, chain)?;
    let joins = matches!(payload, Payload::Join { .. });
    let draft = Draft::new(chain, DeviceId([author; 16]), UnixMillis(1), payload);
    let entry: Entry = if joins && choices.ratio(7, 8)? {
        draft.sign_join(
            &device(signer),
            &InviteSecret::from_bytes([id(choices)?; 16]),
        )
    } else {
        draft.sign(&device(signer))
    };
    let mut bytes = entry.bytes().to_vec();
    if choices.ratio(1, 8)? {
        let at = choices.choose_index(bytes.len())?;
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= choices.int_in_range(1..=255)?;
        }
    }
    Ok(bytes)
}

fn any_payload(choices: &mut Unstructured<'_>, chain: &Chain) -> Result<Payload> {
    let user = UserId([id(choices)?; 16]);
    let channel = ChannelId([id(choices)?; 16]);
    let device_id = id(choices)?;
    let record = |user| {
        let community = chain.community().unwrap_or_default();
        DeviceRecord::new(
            &community,
            user,
            DeviceId([device_id; 16]),
            &device(device_id),
        )
    };
    let invites: Vec<EntryHash> = chain.invites().map(|(hash, _)| hash).collect();
    let invite = if invites.is_empty() {
        EntryHash::default()
    } else {
        *choices.choose(&invites)?
    };
    Ok(match choices.int_in_range(0..=15)? {
        0 => Payload::Genesis {
            user,
            device: record(user),
        },
        1 => {
            let keys = InviteSecret::from_bytes([id(choices)?; 16]).keys().public();
            let uses = choices.int_in_range(0..=3)?;
            Payload::Invite {
                key: keys.sign,
                dh: keys.dh,
                uses,
                expires: UnixMillis(9),
            }
        }
        2 => Payload::RevokeInvite { invite },
        3 => Payload::Join {
            user,
            device: record(user),
            invite,
        },
        4 => Payload::Vouch {
            user,
            device: record(user),
        },
        5 => Payload::SetRole {
            user,
            role: if choices.arbitrary()? {
                Role::Admin
            } else {
                Role::Member
            },
        },
        6 => Payload::CreateChannel {
            channel,
            access: if choices.arbitrary()? {
                Access::Open
            } else {
                Access::Private
            },
            history: if choices.arbitrary()? {
                History::All
            } else {
                History::FromJoin
            },
        },
        7 => Payload::DeleteChannel { channel },
        8 => Payload::AddDevice {
            user,
            device: record(user),
        },
        9 => Payload::SetRecovery {
            device: record(user),
        },
        10 => Payload::RevokeDevice {
            device: DeviceId([device_id; 16]),
        },
        11 => Payload::RemoveUser { user },
        12 => Payload::AddToChannel { channel, user },
        13 => Payload::RemoveFromChannel { channel, user },
        14 => {
            let subject = if choices.arbitrary()? {
                Subject::User(user)
            } else {
                Subject::Channel(channel)
            };
            Payload::SetName {
                subject,
                commitment: Commitment([device_id; 32]),
            }
        }
        _ => {
            let group = if choices.arbitrary()? {
                GroupId::Open
            } else {
                GroupId::Channel(channel)
            };
            let next = chain
                .group(group)
                .and_then(|_| chain.open_epoch(group))
                .map_or(Epoch(0), Epoch::next);
            let epoch = if choices.ratio(7, 8)? {
                next
            } else {
                Epoch(choices.int_in_range(0..=3)?)
            };
            let previous = choices.arbitrary::<bool>()?.then(|| vec![0; 72]);
            Payload::RotateKey {
                group,
                epoch,
                commitment: Commitment([device_id; 32]),
                previous,
            }
        }
    })
}

/// One of few ids, so that entries speak of each other.
fn id(choices: &mut Unstructured<'_>) -> Result<u8> {
    choices.int_in_range(1..=5)
}

fn device(id: u8) -> DeviceSecret {
    DeviceSecret::from_seed(Secret::from_bytes([id; 32]))
}
