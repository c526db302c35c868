//! One run: a community that lives for a number of steps under faults, then heals, and is looked at.

use core::time::Duration;

use crate::check;
use crate::deeds;
use crate::net::Faults;
use crate::world::World;

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
    match deeds::host_link(&mut world) {
        Some(link) => {
            deeds::begin(&mut world, &format!("{link}#found"));
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
        lost_answers: rate(dice),
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
        0..46 => deeds::say(world, person, step),
        46..52 => deeds::create_channel(world, person, step),
        52 => deeds::rename_channel(world, person, step),
        53 => deeds::revoke_invite(world, person),
        54 => deeds::delete_channel(world, person),
        55..59 => deeds::add_to_channel(world, person),
        59..64 => deeds::mark_read(world, person),
        64..70 => deeds::invite(world, person),
        70..73 => deeds::newcomer(world),
        73 if down.is_none() => deeds::newcomer_of_the_host(world),
        73..75 => deeds::vouch(world, person),
        75..80 => world.crash(person),
        80..86 => world.cut(person),
        86..92 => world.mend(person),
        92..95 => {
            if down.is_none() {
                world.kill_server();
                *down = Some(step + 1 + world.dice.below(5));
            }
        }
        _ => deeds::page_back(world, person),
    }
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
    world.run_for(Duration::from_secs(60));
    for person in 0..world.people.len() {
        deeds::vouch(world, person);
    }
    world.run_for(Duration::from_secs(180));
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
