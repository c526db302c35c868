//! One run: a community that lives for a number of steps under faults, then heals, and is looked at.

use core::time::Duration;

use dialtone_protocol::client::{Access, Client, History};
use dialtone_protocol::ids::ChannelId;
use dialtone_protocol::wire::answer::InviteAnswer;
use dialtone_protocol::wire::http::{HttpCall, Method};
use dialtone_protocol::wire::link::Link;

use crate::check;
use crate::net::Faults;
use crate::packet::PersonIndex;
use crate::person::Beginning;
use crate::world::World;

/// The most people of a run.
const PEOPLE: usize = 5;

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The hash of all that every engine answered.
    pub hash: String,
    /// How many answers these were.
    pub outputs: u64,
    /// How many messages were acked.
    pub acked: usize,
    /// How many people there were.
    pub people: usize,
    /// What is wrong, in words.
    pub violations: Vec<String>,
}

/// Runs the world of one seed.
#[must_use]
pub fn run(seed: u64, steps: u64) -> Report {
    let mut world = World::new(seed, Faults::NONE);
    world.run_for(Duration::from_secs(1));
    match host_link(&mut world) {
        Some(link) => {
            begin(&mut world, &format!("{link}#found"));
        }
        None => return report(&world, vec!["the host got no invite".to_owned()]),
    }
    world.run_for(Duration::from_secs(5));

    let faults = draw_faults(&mut world);
    world.set_faults(faults);
    let mut down: Option<u64> = None;
    for step in 0..steps {
        act(&mut world, step, &mut down);
        let pause = world
            .dice
            .duration(Duration::from_millis(1), Duration::from_millis(800));
        world.run_for(pause);
    }
    heal(&mut world);
    let violations = check::violations(&world);
    report(&world, violations)
}

/// The faults of this run: some runs have none, most have a few of each.
fn draw_faults(world: &mut World) -> Faults {
    let dice = &mut world.dice;
    let rate = |dice: &mut crate::dice::Dice| {
        if dice.chance(500) {
            0
        } else {
            dice.below(80) as u16
        }
    };
    Faults {
        least_latency: Duration::from_millis(1),
        most_latency: dice.duration(Duration::from_millis(5), Duration::from_millis(400)),
        loss: rate(dice),
        duplication: rate(dice),
        reordering: rate(dice),
    }
}

/// One thing that people, programs, machines or the network do.
fn act(world: &mut World, step: u64, down: &mut Option<u64>) {
    if down.is_some_and(|until| step >= until) {
        world.start_server();
        *down = None;
    }
    let person = usize::try_from(world.dice.below(world.people.len() as u64)).unwrap_or(0);
    if world
        .people
        .get(person)
        .is_some_and(|one| one.client.is_none())
    {
        world.launch(person);
        return;
    }
    match world.dice.below(100) {
        0..55 => say(world, person, step),
        55..62 => create_channel(world, person, step),
        62..70 => invite(world, person),
        70..74 => newcomer(world),
        74..80 => world.crash(person),
        80..86 => world.cut(person),
        86..92 => world.mend(person),
        92..95 => {
            if down.is_none() {
                world.kill_server();
                *down = Some(step + 1 + world.dice.below(5));
            }
        }
        _ => page_back(world, person),
    }
}

fn say(world: &mut World, person: PersonIndex, step: u64) {
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

fn create_channel(world: &mut World, person: PersonIndex, step: u64) {
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

fn invite(world: &mut World, person: PersonIndex) {
    if world.people.len() < PEOPLE {
        let _ = world.with(person, None, Client::create_invite);
    }
}

fn newcomer(world: &mut World) {
    if world.people.len() >= PEOPLE {
        return;
    }
    if let Some(link) = world.people.iter_mut().find_map(|one| one.links.pop()) {
        begin(world, &link);
    }
}

fn page_back(world: &mut World, person: PersonIndex) {
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

/// Ends all faults and gives everybody time to catch up.
fn heal(world: &mut World) {
    world.set_faults(Faults::NONE);
    world.kill_server();
    world.start_server();
    for person in 0..world.people.len() {
        world.mend(person);
        if world
            .people
            .get(person)
            .is_some_and(|one| one.client.is_none())
        {
            world.launch(person);
        }
    }
    world.run_for(Duration::from_secs(180));
}

fn begin(world: &mut World, link: &str) -> Option<PersonIndex> {
    let link = Link::parse(link).ok()?;
    let username = format!("person{}", world.people.len());
    Some(world.arrive(Beginning { link, username }))
}

/// What a host gets by `curl`: the first steps of every server.
fn host_link(world: &mut World) -> Option<String> {
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

fn report(world: &World, violations: Vec<String>) -> Report {
    Report {
        hash: world.transcript.hash(),
        outputs: world.transcript.outputs(),
        acked: world.people.iter().map(|one| one.acked.len()).sum(),
        people: world.people.len(),
        violations,
    }
}
