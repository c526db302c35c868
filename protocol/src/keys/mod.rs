//! Key sharing.
