//! What people do in a run. What an engine refuses is refused to its user by name; the checks look at what was taken.

use core::time::Duration;

use dialtone_protocol::client::{Access, Client, History};
use dialtone_protocol::ids::{ChannelId, EntryHash, UserId};
use dialtone_protocol::wire::answer::InviteAnswer;
use dialtone_protocol::wire::http::{HttpCall, Method};
use dialtone_protocol::wire::link::Link;

use crate::packet::PersonIndex;
use crate::person::Beginning;
use crate::world::World;

/// The most people of a run.
const PEOPLE: usize = 5;

/// Somebody writes a message.
pub(crate) fn say(world: &mut World, person: PersonIndex, step: u64) {
    let Some(channel) = any_channel(world, person) else {
        return;
    };
    // Now and then the program dies in the middle of what comes of it.
    let outputs = world.dice.chance(50).then(|| world.dice.below(3));
    // A message that cannot be sent now is refused to its writer by name; the checks look at what was taken.
    let _ = world.with(person, outputs, |client, now| {
        client.send_message(channel, &format!("step {step} by {person}"), now)
    });
}

/// Somebody makes a channel.
pub(crate) fn create_channel(world: &mut World, person: PersonIndex, step: u64) {
    let access = if world.dice.chance(300) {
        Access::Private
    } else {
        Access::Open
    };
    let history = if world.dice.chance(300) {
        History::FromJoin
    } else {
        History::All
    };
    let _ = world.with(person, None, |client, now| {
        client.create_channel(&format!("channel-{step}"), access, history, now)
    });
}

/// Somebody makes an invite.
pub(crate) fn invite(world: &mut World, person: PersonIndex) {
    if world.people.len() < PEOPLE {
        let _ = world.with(person, None, Client::create_invite);
    }
}

/// Somebody ends an invite that is open, maybe while somebody joins by it.
pub(crate) fn revoke_invite(world: &mut World, person: PersonIndex) {
    let client = world.people.get(person).and_then(|one| one.client.as_ref());
    let open = client.map(Client::invites).unwrap_or_default();
    let ids: Vec<EntryHash> = open.into_iter().map(|invite| invite.id).collect();
    if let Some(id) = world.dice.pick(&ids).copied() {
        let asked = world.with(person, None, |client, now| client.revoke_invite(id, now));
        if asked == Some(Ok(())) {
            world.revoked.insert(id);
        }
    }
}

/// Somebody new uses a link that a member made.
pub(crate) fn newcomer(world: &mut World) {
    if world.people.len() >= PEOPLE {
        return;
    }
    if let Some(link) = world.people.iter_mut().find_map(|one| one.links.pop()) {
        begin(world, &link);
    }
}

/// Somebody reads further back.
pub(crate) fn page_back(world: &mut World, person: PersonIndex) {
    if let Some(channel) = any_channel(world, person) {
        world.with(person, None, |client, now| client.load_older(channel, now));
    }
}

fn any_channel(world: &mut World, person: PersonIndex) -> Option<ChannelId> {
    let channels = world.people.get(person)?.client.as_ref()?.channels();
    let open: Vec<_> = channels
        .iter()
        .filter(|channel| channel.can_send)
        .map(|channel| channel.id)
        .collect();
    world.dice.pick(&open).copied()
}

/// Somebody gives a channel another name.
pub(crate) fn rename_channel(world: &mut World, person: PersonIndex, step: u64) {
    if let Some(channel) = any_channel(world, person) {
        let _ = world.with(person, None, |client, now| {
            client.rename_channel(channel, &format!("renamed-{step}"), now)
        });
    }
}

/// Somebody deletes a channel.
pub(crate) fn delete_channel(world: &mut World, person: PersonIndex) {
    if let Some(channel) = any_channel(world, person) {
        let _ = world.with(person, None, |client, now| {
            client.delete_channel(channel, now)
        });
    }
}

/// Somebody takes another member into a private channel.
pub(crate) fn add_to_channel(world: &mut World, person: PersonIndex) {
    let Some(client) = world.people.get(person).and_then(|one| one.client.as_ref()) else {
        return;
    };
    let channels = client.channels().into_iter();
    let private: Vec<ChannelId> = channels
        .filter(|channel| channel.access == Access::Private)
        .map(|channel| channel.id)
        .collect();
    let members = client.members().into_iter();
    let members: Vec<UserId> = members
        .filter(|member| member.pending.is_none())
        .map(|member| member.user)
        .collect();
    let channel = world.dice.pick(&private).copied();
    let user = world.dice.pick(&members).copied();
    if let (Some(channel), Some(user)) = (channel, user) {
        let _ = world.with(person, None, |client, now| {
            client.add_to_channel(channel, user, now)
        });
    }
}

/// Somebody has read all of a channel that is there.
pub(crate) fn mark_read(world: &mut World, person: PersonIndex) {
    let Some(channel) = any_channel(world, person) else {
        return;
    };
    let read = world.with(person, None, |client, now| {
        let newest = client
            .messages(channel)
            .rev()
            .find_map(|message| message.seq)?;
        client.mark_read(channel, newest, now);
        Some(newest)
    });
    if let (Some(Some(read)), Some(one)) = (read, world.people.get_mut(person)) {
        one.read.insert(channel, read);
    }
}

/// Somebody new uses a link of the host, who is no member: a member has to vouch for them.
pub(crate) fn newcomer_of_the_host(world: &mut World) {
    if world.people.len() < PEOPLE
        && let Some(link) = host_link(world)
    {
        begin(world, &link);
    }
}

/// Somebody vouches for all who wait.
pub(crate) fn vouch(world: &mut World, person: PersonIndex) {
    let _ = world.with(person, None, |client, now| {
        for member in client.members() {
            if member.pending.is_some() {
                let _ = client.vouch(member.user, now);
            }
        }
    });
}

/// Somebody new pastes a link.
pub(crate) fn begin(world: &mut World, link: &str) -> Option<PersonIndex> {
    let link = Link::parse(link).ok()?;
    let username = format!("person{}", world.people.len());
    Some(world.arrive(Beginning { link, username }))
}

/// What a host gets by `curl`: the first steps of every server.
pub(crate) fn host_link(world: &mut World) -> Option<String> {
    let call = HttpCall {
        method: Method::Post,
        path_and_query: "/server/invites".to_owned(),
        content_type: None,
        body: Vec::new(),
    };
    world.host_request(&call);
    world.run_for(Duration::from_secs(1));
    let answer = world.server.host_answer()?;
    let invite: InviteAnswer = serde_json::from_slice(&answer.body).ok()?;
    Some(format!(
        "http://dialtone.test/invite/{}",
        invite.token.expose()
    ))
}
