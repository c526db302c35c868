//! Stretching what people type. Slow on purpose: a driver runs these functions where blocking is allowed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};
use zeroize::Zeroize;

use super::hash::hash;
use super::labels::Label;
use super::secret::Secret;

/// Costs of Argon2id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KdfParams {
    /// Memory, in KiB.
    #[n(0)]
    pub memory_kib: u32,
    /// Passes over the memory.
    #[n(1)]
    pub passes: u32,
    /// Lanes, which are computed one after the other here.
    #[n(2)]
    pub lanes: u32,
}

impl KdfParams {
    /// The least for a keystore, and what a new one gets: what an attacker with the file must pay for each guess.
    pub const FLOOR: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };

    /// The most that is ever computed: a file or a row that somebody planted must not stop the machine.
    pub const CEILING: Self = Self {
        memory_kib: 1024 * 1024,
        passes: 10,
        lanes: 16,
    };

    /// What an account's password costs. It can never change: the password would.
    const ACCOUNT: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };

    /// What a server spends on each login. Our clients send what was stretched already; for those of the original
    /// this is the widely recommended least, and many logins at once still fit in the memory of a small machine.
    pub const SERVER: Self = Self {
        memory_kib: 19 * 1024,
        passes: 2,
        lanes: 1,
    };

    /// Whether every cost is at least that of `other`.
    #[must_use]
    pub const fn at_least(&self, other: &Self) -> bool {
        self.memory_kib >= other.memory_kib
            && self.passes >= other.passes
            && self.lanes >= other.lanes
    }
}

/// Costs that are not computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KdfError {
    /// Argon2 has no such costs.
    Invalid,
    /// Past [`KdfParams::CEILING`].
    TooCostly(KdfParams),
}

impl fmt::Display for KdfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid => f.write_str("invalid costs of a key derivation"),
            Self::TooCostly(params) => write!(
                f,
                "key derivation of {} KiB, {} passes and {} lanes is past the ceiling",
                params.memory_kib, params.passes, params.lanes
            ),
        }
    }
}

impl core::error::Error for KdfError {}

/// The memory of Argon2id, for one password after the other: as much as the costliest of them took. Nothing of a
/// password stays in it.
#[derive(Default)]
pub struct KdfMemory(Vec<Block>);

impl fmt::Debug for KdfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KdfMemory({} KiB)", self.0.len())
    }
}

/// Argon2id, version 0x13. The costs are checked before anything is allocated (spec 3.70).
///
/// # Errors
///
/// When the costs are past the ceiling, or none that Argon2 has.
pub fn stretch(
    password: &str,
    salt: &[u8; 16],
    params: KdfParams,
    memory: &mut KdfMemory,
) -> Result<Secret<32>, KdfError> {
    if !KdfParams::CEILING.at_least(&params) {
        return Err(KdfError::TooCostly(params));
    }
    let costs = Params::new(params.memory_kib, params.passes, params.lanes, Some(32))
        .map_err(|_| KdfError::Invalid)?;
    let mut stretched = zeroize::Zeroizing::new([0; 32]);
    let blocks = costs.block_count();
    if memory.0.len() < blocks {
        memory.0.resize(blocks, Block::new());
    }
    let blocks = memory.0.get_mut(..blocks).ok_or(KdfError::Invalid)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, costs);
    let (password, out) = (password.as_bytes(), stretched.as_mut());
    let result = argon2.hash_password_into_with_memory(password, salt, out, &mut *blocks);
    blocks.iter_mut().for_each(Zeroize::zeroize);
    result.map_err(|_| KdfError::Invalid)?;
    Ok(Secret::from_bytes(*stretched))
}

/// What our clients send as the account's password: never what was typed, so that the keystore may be sealed with the
/// same one (spec 3.71).
///
/// # Errors
///
/// When Argon2 refuses the password, as it does one of four gibibytes.
pub fn account_password(password: &str, username: &str) -> Result<String, KdfError> {
    let username = normal_username(username);
    let hash = hash(Label::AccountPassword, &[username.as_bytes()]);
    let (salt, _) = hash.split_first_chunk().ok_or(KdfError::Invalid)?;
    let stretched = stretch(
        password,
        salt,
        KdfParams::ACCOUNT,
        &mut KdfMemory::default(),
    )?;
    Ok(format!(
        "dt1-{}",
        URL_SAFE_NO_PAD.encode(stretched.expose())
    ))
}

/// A username as the base API compares it: trimmed and in lower case.
#[must_use]
pub fn normal_username(username: &str) -> String {
    username.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec 3.71
    #[test]
    fn the_account_password_depends_on_both_and_not_on_case() {
        let password = account_password("correct horse", "Ann").unwrap();
        assert_eq!(password.len(), 4 + 43);
        assert!(password.starts_with("dt1-") && !password.contains("horse"));
        assert_eq!(
            account_password("correct horse", " ann ").unwrap(),
            password
        );
        assert_ne!(account_password("correct horse", "bob").unwrap(), password);
        assert_ne!(account_password("correct house", "ann").unwrap(), password);
    }

    // spec 3.70
    #[test]
    fn costs_past_the_ceiling_are_refused_at_once() {
        let ceiling = KdfParams::CEILING;
        for costly in [
            KdfParams {
                memory_kib: ceiling.memory_kib + 1,
                ..KdfParams::FLOOR
            },
            KdfParams {
                memory_kib: u32::MAX,
                ..KdfParams::FLOOR
            },
            KdfParams {
                passes: ceiling.passes + 1,
                ..KdfParams::FLOOR
            },
            KdfParams {
                lanes: ceiling.lanes + 1,
                ..KdfParams::FLOOR
            },
        ] {
            assert_eq!(
                stretch("x", &[0; 16], costly, &mut KdfMemory::default()),
                Err(KdfError::TooCostly(costly))
            );
        }
        let none = KdfParams {
            passes: 0,
            ..KdfParams::FLOOR
        };
        assert_eq!(
            stretch("x", &[0; 16], none, &mut KdfMemory::default()),
            Err(KdfError::Invalid)
        );
    }
}
