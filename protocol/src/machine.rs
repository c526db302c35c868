//! The contract of every engine.

use crate::time::Instant;

/// A state machine that does no I/O.
///
/// # The run loop
///
/// 1. Mutate once: [`handle_input`](Self::handle_input), [`handle_timeout`](Self::handle_timeout) or a typed method
///    of the engine (`send_message(.., now)`).
/// 2. Call [`poll_output`](Self::poll_output) until it answers `None`, carrying out each output in its order. An
///    output that persists something is durable before the next one is carried out.
/// 3. Ask [`poll_timeout`](Self::poll_timeout), and wait until then or until the next input.
///
/// # What a machine promises
///
/// - While output is queued, `poll_timeout()` is not later than the last `now`.
/// - After `handle_timeout(now)` and a drain, no deadline is `<= now`.
/// - A timeout that came too early, or twice, changes nothing.
/// - `now` never goes back: an earlier one counts as the latest one seen.
/// - An `Err` leaves the state as it was.
/// - The same seed and the same inputs give the same outputs, byte for byte.
pub trait Machine {
    /// What comes in from outside: frames, answers of the store, results of work.
    type Input<'a>;
    /// What goes out, in one ordered queue.
    type Output;
    /// Why an input was refused.
    type Error;

    /// Takes in one thing that happened.
    ///
    /// # Errors
    ///
    /// When the input is refused; the state is then unchanged.
    fn handle_input(&mut self, input: Self::Input<'_>, now: Instant) -> Result<(), Self::Error>;

    /// Takes in that time has passed.
    fn handle_timeout(&mut self, now: Instant);

    /// Takes the next output from the queue. Its answer changes with every mutation.
    #[must_use]
    fn poll_output(&mut self) -> Option<Self::Output>;

    /// Says when [`handle_timeout`](Self::handle_timeout) is wanted next. Its answer changes with every mutation.
    #[must_use]
    fn poll_timeout(&self) -> Option<Instant>;
}
