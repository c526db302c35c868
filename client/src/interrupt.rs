//! Being asked to end: by ctrl+c or by a signal. The first time a command ends in order, the second time at once.

use std::future::pending;
use std::thread;

use async_channel::{Receiver, Sender};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// The wish that the program ends.
#[derive(Debug)]
pub struct Wish(Receiver<()>);

/// Watches for a wish to end: ctrl+c, or a signal. Where the system lets nobody watch, the wish ends the process.
#[must_use]
pub fn watch() -> Wish {
    let (asked, asks) = async_channel::bounded(1);
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) {
        thread::spawn(move || {
            pass_on(&mut signals, &asked, |signal| {
                let _ = emulate_default_handler(signal);
            });
        });
    }
    Wish(asks)
}

/// Passes the first signal on, and gives those to `insist` that come while nobody listens any more.
fn pass_on(
    signals: impl IntoIterator<Item = i32>,
    asked: &Sender<()>,
    mut insist: impl FnMut(i32),
) {
    for signal in signals {
        if asked.try_send(()).is_err() {
            insist(signal);
        }
    }
}

impl Wish {
    /// Comes back when the user wishes it, once.
    pub async fn comes(&self) {
        if self.0.recv().await.is_err() {
            // Nobody watches, or it came before.
            pending::<()>().await;
        }
        // Whoever wishes it again is not heard any more.
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use dialtone_runtime_smol::Smol;

    use super::*;

    /// Spec 10.29.
    #[test]
    fn the_second_signal_is_insisted_on_whether_the_first_was_heard_or_not() {
        for heard in [false, true] {
            let (asked, asks) = async_channel::bounded(1);
            let wish = Wish(asks);
            let mut insisted = Vec::new();
            pass_on([1], &asked, |signal| insisted.push(signal));
            if heard {
                Smol::run(NonZero::<usize>::MIN, |_| async { wish.comes().await }).unwrap();
            }
            pass_on([2], &asked, |signal| insisted.push(signal));
            assert_eq!(insisted, [2], "heard: {heard}");
        }
    }
}
