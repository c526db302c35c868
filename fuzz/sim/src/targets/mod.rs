//! The bodies of the fuzz targets, one file each. A body takes any bytes and must not panic; where it can say more
//! than that, it asserts it.

#![expect(clippy::panic, reason = "a fuzz target says by a panic what is wrong")]

pub mod client;
pub mod decode;
pub mod hub;
pub mod open;
pub mod room;
pub mod sigchain;
