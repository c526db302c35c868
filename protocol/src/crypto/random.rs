//! The seeded generator, and what keeps a repeated seed harmless.

use core::fmt;

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::hash::{derive, hash};
use super::labels::Label;
use super::secret::Secret;

/// The generator of one engine: all of its randomness comes from the seed that the driver handed in.
pub struct Entropy(ChaCha20Rng);

impl Entropy {
    /// Starts from a seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// A seed for an engine or a part of one.
    pub fn child(&mut self) -> [u8; 32] {
        self.bytes()
    }

    /// Random bytes for what need not be secret: ids, salts, jitter.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Random bytes for keys and nonces (spec 3.4): they depend on the generator's output, on a secret, on where they
    /// are used and on what they protect. A seed that is used twice, as after the restore of a backup, gives the same
    /// bytes only for the same plaintext at the same place.
    #[must_use]
    pub fn hedged<const N: usize>(
        &mut self,
        label: Label,
        secret: &[u8],
        context: &[u8],
        plaintext: &[u8],
    ) -> Secret<N> {
        let fresh = Secret::from_bytes(self.bytes::<32>());
        let used = hash(label, &[context, plaintext]);
        derive(label, Some(fresh.expose()), secret, &[&used])
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let [mut one, mut two] = [[1; 32]; 2].map(Entropy::from_seed);
        assert_eq!(one.bytes::<24>(), two.bytes::<24>());
        assert_eq!(one.child(), two.child());
        assert_ne!(one.child(), Entropy::from_seed([2; 32]).child());
        assert_eq!(format!("{one:?}"), "Entropy(..)");
    }

    // spec 3.4
    #[test]
    fn a_repeated_seed_repeats_no_nonce() {
        let nonce = |secret: &[u8], context: &[u8], plaintext: &[u8]| {
            Entropy::from_seed([1; 32]).hedged::<24>(Label::Nonce, secret, context, plaintext)
        };
        let base = nonce(b"secret", b"context", b"plaintext");
        assert_eq!(base, nonce(b"secret", b"context", b"plaintext"));
        assert_ne!(base, nonce(b"other", b"context", b"plaintext"));
        assert_ne!(base, nonce(b"secret", b"other", b"plaintext"));
        assert_ne!(base, nonce(b"secret", b"context", b"other"));
    }

    #[test]
    fn two_draws_differ() {
        let mut entropy = Entropy::from_seed([1; 32]);
        let mut draw = || entropy.hedged::<32>(Label::Nonce, b"", b"", b"");
        assert_ne!(draw(), draw());
    }
}
