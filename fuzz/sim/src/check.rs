//! What must hold once the faults have ended and all have caught up.

use std::collections::{BTreeMap, BTreeSet};

use dialtone_protocol::chat::Locked;
use dialtone_protocol::client::{Body, Client, Delivery, History, Standing};
use dialtone_protocol::ids::{ChannelId, ClientId, Seq, UserId};
use dialtone_protocol::wire::link::LinkKind;

use crate::person::Person;
use crate::world::World;

/// A message as a person sees it.
type Shown = (ClientId, Option<UserId>, String);

/// Everything that is wrong with the world, in words. An empty list is what a run is for.
#[must_use]
pub fn violations(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut truth: BTreeMap<(ChannelId, Seq), Shown> = BTreeMap::new();
    let mut names: BTreeMap<ChannelId, String> = BTreeMap::new();
    for (index, person) in world.people.iter().enumerate() {
        let name = &person.beginning.username;
        wrong.extend(
            person
                .warnings
                .iter()
                .map(|warning| format!("{name} was warned: {warning}")),
        );
        let Some(client) = &person.client else {
            wrong.push(format!("{name}'s program does not run"));
            continue;
        };
        if client.me().standing == Standing::Joining && holds_a_revoked_link(world, person) {
            if !client.channels().is_empty() {
                wrong.push(format!("{name} came by a revoked link and reads"));
            }
            continue;
        }
        if client.me().standing != Standing::Member {
            wrong.push(format!(
                "{name} is {:?}, not a member",
                client.me().standing
            ));
            continue;
        }
        for member in client.members() {
            if member.name.is_none() && member.pending.is_none() {
                wrong.push(format!("{name} cannot read the name of {}", member.user));
            }
        }
        for channel in client.channels().iter().filter(|channel| !channel.original) {
            match &channel.name {
                None => wrong.push(format!(
                    "{name} cannot read the name of channel {}",
                    channel.id
                )),
                Some(called) => {
                    let known = names.entry(channel.id).or_insert_with(|| called.clone());
                    if known != called {
                        wrong.push(format!(
                            "{name} calls channel {} {called:?} and not {known:?}",
                            channel.id
                        ));
                    }
                }
            }
            let read = person.read.get(&channel.id).map_or(0, |seq| seq.0);
            if channel.unread > channel.last_seq.0.saturating_sub(read) {
                wrong.push(format!(
                    "{name} has {} unread of {} in {}, and read {read}",
                    channel.unread, channel.last_seq.0, channel.id
                ));
            }
            let from_join = channel.history == History::FromJoin;
            channel_violations(client, channel.id, from_join, name, &mut truth, &mut wrong);
        }
        for acked in &person.acked {
            let shown = world.people.iter().enumerate().any(|(other, one)| {
                other == index
                    && one.client.as_ref().is_some_and(|client| {
                        shows(client, acked.channel, acked.seq, acked.client_id)
                    })
            });
            let deleted = !client
                .channels()
                .iter()
                .any(|channel| channel.id == acked.channel);
            if !shown && !deleted {
                wrong.push(format!(
                    "{name}'s acked message {} of {} is gone",
                    acked.seq.0, acked.channel
                ));
            }
        }
    }
    wrong
}

/// Whether somebody's link was ended before it was used.
fn holds_a_revoked_link(world: &World, person: &Person) -> bool {
    match person.beginning.link.kind {
        LinkKind::Open { hash, .. } => world.revoked.contains(&hash),
        _ => false,
    }
}

fn channel_violations(
    client: &Client,
    channel: ChannelId,
    from_join: bool,
    name: &str,
    truth: &mut BTreeMap<(ChannelId, Seq), Shown>,
    wrong: &mut Vec<String>,
) {
    let mut last: Option<Seq> = None;
    let mut ids = BTreeSet::new();
    for message in client.messages(channel) {
        let Some(seq) = message.seq else {
            match message.mark {
                // Refused for good and said so: the draft is kept for its writer.
                Delivery::Failed(_) => {}
                _ => wrong.push(format!("{name} still sends {}", message.client_id)),
            }
            continue;
        };
        if last.is_some_and(|last| last.next() != seq) {
            wrong.push(format!("{name} sees {} after {last:?} in {channel}", seq.0));
        }
        last = Some(seq);
        if !ids.insert((message.device, message.client_id)) {
            wrong.push(format!("{name} sees {} twice", message.client_id));
        }
        if from_join && matches!(message.body, Body::Locked(Locked::BeforeJoin)) {
            continue;
        }
        let Body::Text(text) = message.body else {
            wrong.push(format!(
                "{name} cannot read {} of {channel}: {:?}",
                seq.0, message.body
            ));
            continue;
        };
        let shown = (message.client_id, message.sender, text.to_owned());
        let known = truth.entry((channel, seq)).or_insert_with(|| shown.clone());
        if *known != shown {
            wrong.push(format!(
                "{name} sees another message {} in {channel}",
                seq.0
            ));
        }
    }
}

fn shows(client: &Client, channel: ChannelId, seq: Seq, client_id: ClientId) -> bool {
    let mut messages = client.messages(channel);
    // What lies before the part that is loaded cannot be told from here.
    let Some(first) = messages.by_ref().find_map(|message| message.seq) else {
        return false;
    };
    seq < first
        || client
            .messages(channel)
            .any(|message| message.seq == Some(seq) && message.client_id == client_id)
}
