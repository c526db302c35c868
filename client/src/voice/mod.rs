//! Voice from the client's side: the daemon that carries sound is found, started, watched and ended here, what it asks
//! is answered by the account, and what it says is handed on.

mod call;
mod chosen;
mod daemon;
mod kept;
mod lines;
mod options;
mod socket;
#[cfg(test)]
mod tests;

pub use call::{Call, Keeping, News};
pub use daemon::{Daemon, DaemonError};
use dialtone_protocol::ids::{DeviceId, UserId};
pub use lines::Lines;
pub use options::{PttBackend, VoiceOptions};
pub use socket::{SocketError, free_path, press, runtime_folder, socket_path};

/// The file in which a device that speaks is recorded, inside the folder for that.
#[must_use]
pub fn recording_file(user: UserId, device: DeviceId) -> String {
    format!("{user}.{device}.wav")
}
