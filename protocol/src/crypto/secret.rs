//! Bytes that are wiped when they are let go.

use alloc::boxed::Box;
use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` secret bytes: on the heap (a move leaves no copy behind), wiped on drop, compared in constant time, and never
/// printed or serialised.
#[derive(Clone)]
pub struct Secret<const N: usize>(Box<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// Takes in bytes. The caller wipes its own copy.
    #[must_use]
    pub fn from_bytes(bytes: [u8; N]) -> Self {
        Self(Box::new(bytes))
    }

    /// Takes in bytes of a length that is not known at compile time; `None` if it is another one.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        <[u8; N]>::try_from(bytes).ok().map(Self::from_bytes)
    }

    /// The bytes, for the few who work with them.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for Secret<N> {}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&*other.0).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::from_bytes([7; 32])), "Secret(..)");
    }

    #[test]
    fn secrets_compare_by_content() {
        assert_eq!(Secret::from_bytes([7; 32]), Secret::from_bytes([7; 32]));
        assert_ne!(Secret::from_bytes([7; 32]), Secret::from_bytes([8; 32]));
        assert_eq!(Secret::<32>::from_slice(&[7; 31]), None);
    }
}
