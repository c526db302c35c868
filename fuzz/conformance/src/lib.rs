//! A black-box kit for servers that speak dialtone's base API: ours, the original, or any other.
//!
//! It knows the API as clients see it and nothing of a server's insides, so that the same figures can be taken of
//! each of them. [`load`] measures fan-out, latency and memory, and counts what is lost on the way.

pub mod base;
pub mod load;
pub mod process;
