//! dialtone's voice as a library: sound and its devices, and the way that it takes between two of them. Who talks to
//! whom is decided in `dialtone-protocol`; this crate carries it out.

pub mod audio;
pub mod cli;
pub mod device;
pub mod drive;
pub mod ipc;
pub mod media;
pub mod ptt;
