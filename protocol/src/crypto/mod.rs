//! Sealing and opening, signatures, and the keys behind them.
//!
//! Everything that is signed, hashed or derived stands under a [`Label`] of its own. A function that
//! opens something answers with a named error for any bytes, and never with a part of the content.

mod aead;
pub mod device;
pub mod direct;
pub mod envelope;
pub mod group;
mod hash;
pub mod invite;
pub mod keystore;
pub mod labels;
pub mod login;
pub mod message;
pub mod names;
pub mod password;
pub mod password_hash;
pub mod random;
pub mod safety;
pub mod secret;
pub mod transcript;
pub mod turn;
pub mod voice;

pub use device::{DevicePublic, DeviceSecret, DhPublic, DhSecret, Signature, Suite, VerifyKey};
pub use group::GroupKey;
pub use hash::{derive, hash};
pub use invite::InviteSecret;
pub use labels::Label;
pub use random::Entropy;
pub use secret::Secret;
