//! The log of who belongs, from outside: its rules one by one, its laws, and the vectors of its format.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what must hold by failing"
)]

mod channels;
mod devices;
mod generate;
mod groups;
mod laws;
mod members;
mod place;
mod queries;
mod vectors;
mod world;
