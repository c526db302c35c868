//! Sealing and opening.
