//! The simulator of dialtone: the real hub and real clients on a virtual clock, network and disk.
//!
//! Everything that happens in a run is drawn from one seed, so that the same seed gives the same run, byte for byte;
//! [`run::run`] is a whole run. The bodies of the fuzz targets are here too ([`targets`]), so that they are compiled,
//! linted and replayed with everything else.

pub mod check;
mod deeds;
pub mod dice;
pub mod net;
pub mod packet;
pub mod person;
pub mod run;
pub mod server;
pub mod targets;
pub mod transcript;
pub mod world;
