//! The signed log of who belongs.
