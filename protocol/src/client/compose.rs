//! One append: the entries of a wish, the keys that they commit to, and the names.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::event::Refusal;
use super::intent::{Named, Wish};
use super::names::{NameRecord, Names};
use crate::crypto::envelope::{self, KeyRecord, Recipient};
use crate::crypto::names::{NamePlace, NameSecret};
use crate::crypto::{DeviceSecret, Entropy, GroupKey, InviteSecret};
use crate::ids::{DeviceId, Epoch, GroupId, RecipientId, Subject, UserId};
use crate::keys::{Keys, reads_all};
use crate::limits;
use crate::sigchain::{Access, Chain, DeviceRecord, Draft, Entry, Group, Payload};
use crate::time::UnixMillis;
use crate::wire::chain::{Append, SealedEnvelope, SealedName};

/// What an append is made from.
pub(super) struct Composer<'a> {
    before: &'a Chain,
    after: Chain,
    keys: &'a Keys,
    known: &'a Names,
    author: &'a Author<'a>,
    entropy: &'a mut Entropy,
    entries: Vec<Entry>,
    rotated: BTreeMap<GroupId, KeyRecord>,
    sealed: Vec<SealedName>,
    named: Vec<(Subject, NameRecord)>,
}

/// Who appends.
pub(super) struct Author<'a> {
    pub(super) user: UserId,
    pub(super) device: DeviceId,
    pub(super) secret: &'a DeviceSecret,
    pub(super) username: &'a str,
    pub(super) invite: Option<&'a InviteSecret>,
    pub(super) unix: UnixMillis,
}

/// An append that is ready to go, and what is to be kept once it stands in the log.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) append: Append,
    pub(super) entries: Vec<Entry>,
    pub(super) keys: Vec<KeyRecord>,
    pub(super) names: Vec<(Subject, NameRecord)>,
}

/// Makes the append of a wish that was judged as wanted.
///
/// # Errors
///
/// When a key that it needs is not held, or the log would not take it.
pub(super) fn compose(
    wish: &Wish,
    chain: &Chain,
    keys: &Keys,
    known: &Names,
    author: &Author<'_>,
    entropy: &mut Entropy,
) -> Result<Composed, Refusal> {
    let mut composer = Composer {
        before: chain,
        after: chain.clone(),
        keys,
        known,
        author,
        entropy,
        entries: Vec::new(),
        rotated: BTreeMap::new(),
        sealed: Vec::new(),
        named: Vec::new(),
    };
    composer.add(wish)?;
    composer.finish()
}

impl Composer<'_> {
    fn add(&mut self, wish: &Wish) -> Result<(), Refusal> {
        let author = self.author;
        match wish {
            Wish::Found => {
                let device = self.own_record();
                self.append(Payload::Genesis {
                    user: author.user,
                    device,
                })?;
                self.rotate(GroupId::Open)?;
                self.name_self()?;
            }
            Wish::Join { invite } => {
                let device = self.own_record();
                self.append(Payload::Join {
                    user: author.user,
                    device,
                    invite: *invite,
                })?;
                self.rotate_for_newcomers()?;
                // Without the key the name follows when the key has come.
                if self.key(GroupId::Open).is_some() {
                    self.name_self()?;
                }
            }
            Wish::CreateChannel {
                channel,
                name,
                access,
                history,
            } => {
                self.append(Payload::CreateChannel {
                    channel: *channel,
                    access: *access,
                    history: *history,
                })?;
                if let Some(group @ GroupId::Channel(_)) = self.after.group_of(*channel) {
                    self.rotate(group)?;
                }
                self.name(Subject::Channel(*channel), name)?;
            }
            Wish::Name { subject, name } => self.name(*subject, name)?,
            Wish::DeleteChannel { channel } => {
                self.append(Payload::DeleteChannel { channel: *channel })?;
            }
            Wish::AddToChannel { channel, user } => {
                self.append(Payload::AddToChannel {
                    channel: *channel,
                    user: *user,
                })?;
                self.rotate_for_newcomers()?;
                self.repeat_name(Subject::Channel(*channel));
            }
            Wish::Invite(invite) => {
                let keys = invite.secret().keys().public();
                self.append(Payload::Invite {
                    key: keys.sign,
                    dh: keys.dh,
                    uses: 1,
                    expires: UnixMillis(invite.expires),
                })?;
            }
            Wish::Vouch { user, record } => {
                let device = DeviceRecord::decode(record).map_err(|_| Refusal::Garbled)?;
                self.append(Payload::Vouch {
                    user: *user,
                    device,
                })?;
                self.rotate_for_newcomers()?;
            }
            Wish::RevokeInvite { invite, asked } => {
                self.append(Payload::RevokeInvite { invite: *invite })?;
                // The link opens the key that was sealed for it: whoever has it must not read what comes.
                if *asked {
                    // Without the key before, newcomers could not read the past.
                    self.key(GroupId::Open).ok_or(Refusal::NoKeys)?;
                    self.rotate(GroupId::Open)?;
                }
            }
            Wish::Rotate { group, .. } => self.rotate(*group)?,
        }
        Ok(())
    }

    /// Signs an entry, and takes it into the log that the append leads to.
    fn append(&mut self, payload: Payload) -> Result<(), Refusal> {
        let author = self.author;
        let join = matches!(payload, Payload::Join { .. });
        let draft = Draft::new(&self.after, author.device, author.unix, payload);
        let entry = match author.invite {
            Some(invite) if join => draft.sign_join(author.secret, invite),
            _ => draft.sign(author.secret),
        };
        self.after.apply(&entry).map_err(|_| Refusal::Overtaken)?;
        self.entries.push(entry);
        Ok(())
    }

    fn own_record(&self) -> DeviceRecord {
        let community = self.after.community().unwrap_or_default();
        DeviceRecord::new(
            &community,
            self.author.user,
            self.author.device,
            self.author.secret,
        )
    }

    /// Opens the next epoch of a group with a new key. Where newcomers read everything, the key before goes with it.
    fn rotate(&mut self, group: GroupId) -> Result<(), Refusal> {
        let community = self.after.community().ok_or(Refusal::Overtaken)?;
        let newest = self.after.group(group).and_then(Group::epoch);
        let epoch = newest.map_or(Epoch(0), Epoch::next);
        let key = GroupKey::generate(&community, group, epoch, self.author.secret, self.entropy);
        let carried = newest
            .filter(|_| reads_all(&self.after, group))
            .and_then(|newest| self.keys.get(group, newest).cloned());
        let previous = carried.map(|before| {
            let (secret, entropy) = (self.author.secret, &mut *self.entropy);
            key.seal_previous(&community, group, epoch, &before, secret, entropy)
        });
        let commitment = key.commitment(&community, group, epoch);
        self.append(Payload::RotateKey {
            group,
            epoch,
            commitment,
            previous,
        })?;
        self.rotated.insert(group, KeyRecord { group, epoch, key });
        Ok(())
    }

    /// Rotates the groups that somebody just came to and whose past is not for newcomers (spec 9.31).
    fn rotate_for_newcomers(&mut self) -> Result<(), Refusal> {
        let joined: Vec<GroupId> = self
            .after
            .groups()
            .map(|(group, _)| group)
            .filter(|group| !reads_all(&self.after, *group))
            .filter(|group| {
                let known = ids(self.before, *group);
                ids(&self.after, *group).difference(&known).next().is_some()
            })
            .collect();
        joined.into_iter().try_for_each(|group| self.rotate(group))
    }

    /// The newest key of a group, made in this append or held before.
    fn key(&self, group: GroupId) -> Option<KeyRecord> {
        if let Some(record) = self.rotated.get(&group) {
            return Some(record.clone());
        }
        let epoch = self.after.group(group)?.epoch()?;
        let key = self.keys.get(group, epoch)?.clone();
        Some(KeyRecord { group, epoch, key })
    }

    fn name_self(&mut self) -> Result<(), Refusal> {
        let secret = NameSecret::generate(self.author.username, self.entropy)
            .map_err(|_| Refusal::AccountRefused)?;
        self.name(Subject::User(self.author.user), &Named::of(&secret))
    }

    /// Commits to a name, and seals it for those who may read it.
    fn name(&mut self, subject: Subject, name: &Named) -> Result<(), Refusal> {
        let commitment = name.commitment().ok_or(Refusal::Overtaken)?;
        self.append(Payload::SetName {
            subject,
            commitment,
        })?;
        self.seal_name(subject, name).ok_or(Refusal::NoKeys)?;
        let record = NameRecord {
            commitment,
            name: name.clone(),
        };
        self.named.push((subject, record));
        Ok(())
    }

    /// Seals a known name once more, under the key that a newcomer has. One that the log has replaced stays away: it
    /// would stand in the place of the one that follows it.
    fn repeat_name(&mut self, subject: Subject) {
        let current = self.after.name_commitment(subject);
        let known = self.known.record(subject);
        if let Some(record) = known.filter(|record| Some(record.commitment) == current) {
            let name = record.name.clone();
            let _ = self.seal_name(subject, &name);
        }
    }

    fn seal_name(&mut self, subject: Subject, name: &Named) -> Option<()> {
        let community = self.after.community()?;
        let record = self.key(directory_of(&self.after, subject)?)?;
        let (group, epoch) = (record.group, record.epoch);
        let place = NamePlace {
            community,
            subject,
            group,
            epoch,
        };
        let bytes = name
            .secret()?
            .seal(&place, &record.key, self.author.secret, self.entropy);
        self.sealed.push(SealedName {
            subject,
            group,
            epoch,
            bytes,
        });
        Some(())
    }

    /// Seals one envelope for each recipient: of a rotated group for all, of any other for those who are new in it
    /// (spec 9.10).
    fn finish(self) -> Result<Composed, Refusal> {
        let community = self.after.community().ok_or(Refusal::Overtaken)?;
        let mut parcels: BTreeMap<RecipientId, (Recipient, Vec<KeyRecord>)> = BTreeMap::new();
        for (group, _) in self.after.groups() {
            let Some(record) = self.key(group) else {
                continue;
            };
            let known = match self.rotated.contains_key(&group) {
                true => BTreeSet::new(),
                false => ids(self.before, group),
            };
            for recipient in self.after.recipients(group) {
                if !known.contains(&recipient.id) {
                    let to = Recipient {
                        id: recipient.id,
                        dh: recipient.dh,
                    };
                    let parcel = parcels.entry(recipient.id).or_insert((to, Vec::new()));
                    parcel.1.push(record.clone());
                }
            }
        }
        let mut envelopes = Vec::new();
        for (recipient, records) in parcels.into_values() {
            for some in records.chunks(limits::MAX_ENVELOPE_KEYS) {
                let (secret, entropy) = (self.author.secret, &mut *self.entropy);
                let bytes = envelope::seal(&community, &recipient, some, secret, entropy)
                    .map_err(|_| Refusal::Overtaken)?;
                envelopes.push(SealedEnvelope {
                    recipient: recipient.id,
                    bytes,
                });
            }
        }
        let entries = self
            .entries
            .iter()
            .map(|entry| entry.bytes().to_vec().into())
            .collect();
        Ok(Composed {
            append: Append {
                expected: self.before.head(),
                entries,
                envelopes,
                names: self.sealed,
            },
            entries: self.entries,
            keys: self.rotated.into_values().collect(),
            names: self.named,
        })
    }
}

fn ids(chain: &Chain, group: GroupId) -> BTreeSet<RecipientId> {
    chain
        .recipients(group)
        .iter()
        .map(|recipient| recipient.id)
        .collect()
}

/// Under whose key a name is sealed: a private channel's under its own, all others' under everybody's.
pub(super) fn directory_of(chain: &Chain, subject: Subject) -> Option<GroupId> {
    match subject {
        Subject::User(_) => Some(GroupId::Open),
        Subject::Channel(channel) => match chain.channel(channel)?.access {
            Access::Open => Some(GroupId::Open),
            Access::Private => Some(GroupId::Channel(channel)),
        },
    }
}
