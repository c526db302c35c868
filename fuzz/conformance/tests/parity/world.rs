//! The scripted world: its clock, what is going on in it, and what waits for its turn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use dialtone_protocol::time::Instant;

/// How often the script looks whether the world has come to rest.
const LOOK: Duration = Duration::from_micros(100);

/// How long, on the real clock, one step may take. Only a deadlock reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all parties share.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    now: Instant,
    /// Tasks that are woken or run, work that blocks, connections on their way.
    busy: usize,
    /// Bytes that were written to any connection, and bytes that came out of one.
    written: u64,
    arrived: u64,
    last_id: u64,
    sleeps: BTreeMap<(Instant, u64), Option<Waker>>,
    wires: BTreeMap<u64, Wire>,
}

/// What came in on a connection and was not let through yet.
#[derive(Default)]
struct Wire {
    party: &'static str,
    /// Of the server, the last request that came in; of a person, the last one written.
    about: Vec<u8>,
    held: Vec<u8>,
    open: Vec<u8>,
    waker: Option<Waker>,
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Instant {
        self.state().now
    }

    /// Says that something is going on, until the answer is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.state().busy += 1;
        Busy(self.clone())
    }

    /// Lets everything that is on its way arrive, one connection at a time, in an order that depends on nothing but
    /// what is written on them. Says how many times something arrived.
    pub(crate) fn settle(&self) -> usize {
        for turns in 0.. {
            self.rest();
            if !self.release() {
                return turns;
            }
        }
        unreachable!("the count has no end")
    }

    /// Turns the clock to the next time that somebody waits for.
    pub(crate) fn pass_time(&self) {
        let mut state = self.state();
        let Some((&(at, _), _)) = state.sleeps.first_key_value() else {
            return;
        };
        state.now = state.now.max(at);
        let later = state.sleeps.split_off(&(at, u64::MAX));
        let due = std::mem::replace(&mut state.sleeps, later);
        drop(state);
        due.into_values().flatten().for_each(Waker::wake);
    }

    /// Waits until nothing goes on: no task can run, and every written byte has come out at the other end.
    fn rest(&self) {
        let start = std::time::Instant::now();
        let mut quiet = 0;
        while quiet < 3 {
            let state = self.state();
            let resting = state.busy == 0 && state.written == state.arrived;
            let (busy, missing) = (state.busy, state.written.saturating_sub(state.arrived));
            drop(state);
            quiet = if resting { quiet + 1 } else { 0 };
            assert!(
                start.elapsed() < PATIENCE,
                "the world does not come to rest: {busy} at work, {missing} bytes on their way"
            );
            thread::sleep(LOOK);
        }
    }

    fn release(&self) -> bool {
        let mut state = self.state();
        let next = state
            .wires
            .values_mut()
            .filter(|wire| !wire.held.is_empty())
            .min_by(|one, other| one.order().cmp(&other.order()));
        let Some(wire) = next else {
            return false;
        };
        let held = std::mem::take(&mut wire.held);
        wire.open.extend(held);
        let waker = wire.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    pub(crate) fn add_wire(&self, party: &'static str) -> u64 {
        let mut state = self.state();
        state.last_id += 1;
        let id = state.last_id;
        let wire = Wire {
            party,
            ..Wire::default()
        };
        state.wires.insert(id, wire);
        id
    }

    pub(crate) fn remove_wire(&self, id: u64) {
        self.state().wires.remove(&id);
    }

    pub(crate) fn wrote(&self, id: u64, bytes: &[u8]) {
        let mut state = self.state();
        state.written += bytes.len() as u64;
        if let Some(wire) = state.wires.get_mut(&id) {
            // What opened a socket says more than the frames on it, which are masked with chance.
            if wire.party != "server" && !wire.is_socket() {
                wire.about = bytes.to_vec();
            }
        }
    }

    /// Keeps what came in until its turn.
    pub(crate) fn came(&self, id: u64, bytes: &[u8]) {
        let mut state = self.state();
        state.arrived += bytes.len() as u64;
        if let Some(wire) = state.wires.get_mut(&id) {
            wire.held.extend_from_slice(bytes);
        }
    }

    /// Takes what was let through; keeps the waker when there is nothing.
    pub(crate) fn take(&self, id: u64, buffer: &mut [u8], waker: &Waker) -> usize {
        let mut state = self.state();
        let Some(wire) = state.wires.get_mut(&id) else {
            return 0;
        };
        if wire.open.is_empty() {
            wire.waker = Some(waker.clone());
            return 0;
        }
        if wire.party == "server" && !wire.is_socket() {
            wire.about.clone_from(&wire.open);
        }
        let count = buffer.len().min(wire.open.len());
        buffer[..count].copy_from_slice(&wire.open[..count]);
        wire.open.drain(..count);
        count
    }

    pub(crate) fn has_held(&self, id: u64) -> bool {
        let state = self.state();
        let wire = state.wires.get(&id);
        wire.is_some_and(|wire| !wire.held.is_empty() || !wire.open.is_empty())
    }

    pub(crate) fn sleep_id(&self) -> u64 {
        let mut state = self.state();
        state.last_id += 1;
        state.last_id
    }

    /// Whether `at` has come; keeps the waker when it has not.
    pub(crate) fn has_come(&self, at: Instant, id: u64, waker: &Waker) -> bool {
        let mut state = self.state();
        if at <= state.now {
            return true;
        }
        state.sleeps.insert((at, id), Some(waker.clone()));
        false
    }

    pub(crate) fn end_sleep(&self, at: Instant, id: u64) {
        self.state().sleeps.remove(&(at, id));
    }
}

impl Wire {
    fn is_socket(&self) -> bool {
        self.about.starts_with(b"GET /ws")
    }

    /// The same in every run: whose it is, whether it is a socket, and what is on it. Which of several connections
    /// carries a call is not.
    fn order(&self) -> (&'static str, bool, &[u8], &[u8]) {
        match (self.party, self.is_socket()) {
            // Each person has one.
            (party, true) => (party, true, token(&self.about), b""),
            ("server", false) => ("server", false, token(&self.held), &self.held),
            // An answer, by what was asked.
            (party, false) => (party, false, &self.about, &self.held),
        }
    }
}

/// The bearer token in a request, if it has one.
fn token(request: &[u8]) -> &[u8] {
    let lower = request.to_ascii_lowercase();
    let name = b"authorization: bearer ";
    let Some(at) = lower.windows(name.len()).position(|part| part == name) else {
        return b"";
    };
    let rest = &request[at + name.len()..];
    let end = rest.iter().position(|byte| *byte == b'\r');
    &rest[..end.unwrap_or(rest.len())]
}

/// Something that goes on.
pub(crate) struct Busy(World);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state().busy -= 1;
    }
}

/// Whether a task is woken, and how its executor is told.
pub(crate) struct Alarm {
    world: World,
    bell: Mutex<Bell>,
}

struct Bell {
    woken: bool,
    ended: bool,
    executor: Option<Waker>,
}

impl Alarm {
    /// The alarm of a task that is about to run for the first time.
    pub(crate) fn new(world: &World) -> Arc<Self> {
        world.state().busy += 1;
        Arc::new(Self {
            world: world.clone(),
            bell: Mutex::new(Bell {
                woken: true,
                ended: false,
                executor: None,
            }),
        })
    }

    /// The task runs now: `executor` is to be told when it is woken again.
    pub(crate) fn runs(&self, executor: &Waker) {
        let mut bell = self.bell.lock().unwrap();
        bell.executor = Some(executor.clone());
        self.calm(&mut bell);
    }

    /// The task is gone. Wakers of it may be left anywhere.
    pub(crate) fn end(&self) {
        let mut bell = self.bell.lock().unwrap();
        bell.ended = true;
        self.calm(&mut bell);
    }

    fn calm(&self, bell: &mut Bell) {
        if std::mem::take(&mut bell.woken) {
            self.world.state().busy -= 1;
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        let mut bell = self.bell.lock().unwrap();
        if bell.ended {
            return;
        }
        if !std::mem::replace(&mut bell.woken, true) {
            self.world.state().busy += 1;
        }
        let executor = bell.executor.clone();
        drop(bell);
        if let Some(executor) = executor {
            executor.wake();
        }
    }
}
