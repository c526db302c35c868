//! Finding channels and members by what somebody typed.

use dialtone_protocol::ids::ChannelId;

use super::command::bare;
use super::overlay::{Choice, Target};
use crate::invites::meant;
use crate::tui::snapshot::{Channel, Invite, Member, short};

/// The fewest digits of an id that name a channel: fewer could be a word.
const MIN_ID_DIGITS: usize = 4;

/// The channels that a typed name fits: one of exactly this id, or those of this name whatever its case, or those whose
/// id starts so.
#[must_use]
pub(crate) fn channels<'a>(all: &'a [Channel], typed: &str) -> Vec<&'a Channel> {
    let typed = bare(typed);
    if let Some(channel) = all.iter().find(|channel| channel.id.to_string() == typed) {
        return vec![channel];
    }
    let lower = typed.to_lowercase();
    let named: Vec<_> = all
        .iter()
        .filter(|channel| {
            channel
                .name
                .as_ref()
                .is_some_and(|name| name.to_lowercase() == lower)
        })
        .collect();
    if !named.is_empty() || typed.len() < MIN_ID_DIGITS {
        return named;
    }
    all.iter()
        .filter(|channel| channel.id.to_string().starts_with(&lower))
        .collect()
}

/// Splits what follows `/channel rename` into the channels that are meant and the new name. A name of several words
/// needs no quotes: the longest start that fits a channel is taken.
#[must_use]
pub(crate) fn rename<'a>(all: &'a [Channel], typed: &str) -> (Vec<&'a Channel>, String) {
    if let Some((quoted, name)) = typed
        .strip_prefix('"')
        .and_then(|rest| rest.split_once('"'))
    {
        return (channels(all, quoted), bare(name).to_owned());
    }
    let split = typed.rmatch_indices(' ').find_map(|(at, _)| {
        let (target, name) = typed.split_at_checked(at)?;
        let found = channels(all, target);
        (!found.is_empty()).then(|| (found, bare(name).to_owned()))
    });
    split.unwrap_or_default()
}

/// The members, or those who wait, whose name is this whatever its case.
#[must_use]
pub(crate) fn members<'a>(all: &'a [Member], typed: &str, pending: bool) -> Vec<&'a Member> {
    let typed = bare(typed).trim_start_matches('@').to_lowercase();
    all.iter()
        .filter(|member| member.pending.is_some() == pending)
        .filter(|member| {
            member.label().to_lowercase() == typed
                || typed.len() >= MIN_ID_DIGITS && member.user.to_string().starts_with(&typed)
        })
        .collect()
}

/// The open invites that a typed link or the start of an id fits.
#[must_use]
pub(crate) fn invites<'a>(all: &'a [Invite], typed: &str) -> Vec<&'a Invite> {
    let meant = meant(all.iter().map(|invite| invite.id), bare(typed));
    all.iter()
        .filter(|invite| meant.contains(&invite.id))
        .collect()
}

/// An invite as one of a list.
#[must_use]
pub(crate) fn invite_choice(invite: &Invite) -> Choice {
    Choice {
        label: format!("{}  by {}", short(&invite.id), invite.by),
        target: Target::Invite(invite.id),
    }
}

/// A channel as one of a list.
#[must_use]
pub(crate) fn channel_choice(channel: &Channel) -> Choice {
    Choice {
        label: format!("#{}  {}", channel.label(), short(&channel.id)),
        target: Target::Channel(channel.id),
    }
}

/// A member as one of a list.
#[must_use]
pub(crate) fn member_choice(member: &Member) -> Choice {
    let number = member.pending.as_ref().map_or_else(
        || short(&member.user),
        |newcomer| newcomer.safety_number.clone(),
    );
    Choice {
        label: format!("{}  {number}", member.label()),
        target: Target::User(member.user),
    }
}

/// The channel of this id.
#[must_use]
pub(crate) fn channel(all: &[Channel], id: ChannelId) -> Option<&Channel> {
    all.iter().find(|channel| channel.id == id)
}

#[cfg(test)]
mod tests {
    use dialtone_protocol::client::Access;

    use super::*;

    fn channel_called(first: u8, name: &str) -> Channel {
        Channel {
            id: ChannelId([first; 16]),
            name: Some(name.to_owned()),
            access: Access::Open,
            unread: 0,
            can_send: true,
            original: false,
            confusable: false,
        }
    }

    #[test]
    fn a_channel_is_found_by_id_name_or_start_of_id() {
        let all = [
            channel_called(0x11, "General"),
            channel_called(0x22, "general"),
            channel_called(0x33, "1111"),
        ];
        assert_eq!(channels(&all, "#GENERAL").len(), 2);
        assert_eq!(channels(&all, &all[0].id.to_string()), [&all[0]]);
        // A name goes before the start of an id.
        assert_eq!(channels(&all, "1111"), [&all[2]]);
        assert_eq!(channels(&all, "2222"), [&all[1]]);
        assert!(channels(&all, "22").is_empty());
    }

    #[test]
    fn a_rename_takes_the_longest_name_that_fits() {
        let all = [channel_called(1, "big"), channel_called(2, "big plans")];
        let (found, name) = rename(&all, "big plans small ones");
        assert_eq!((found, name.as_str()), (vec![&all[1]], "small ones"));
        let (found, name) = rename(&all, "\"big\" plans too");
        assert_eq!((found, name.as_str()), (vec![&all[0]], "plans too"));
        assert!(rename(&all, "nothing here").0.is_empty());
    }
}
