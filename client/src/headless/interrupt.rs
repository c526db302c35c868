//! Being asked to end: by ctrl+c or by a signal. The first time a command ends in order, the second time at once.

use std::thread;

use async_channel::Receiver;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Watches for a wish to end. Where the system lets nobody watch, the wish ends the process.
pub(super) fn watch() -> Receiver<()> {
    let (asked, asks) = async_channel::bounded(1);
    if let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) {
        thread::spawn(move || {
            for signal in &mut signals {
                if asked.try_send(()).is_err() {
                    // It was asked before, or nobody listens: this is meant.
                    let _ = emulate_default_handler(signal);
                }
            }
        });
    }
    asks
}
