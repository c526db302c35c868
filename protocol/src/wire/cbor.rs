//! Deterministic CBOR: the one strict decoder of everything binary.
//!
//! `minicbor` by itself takes numbers that are longer than needed, lengths that are not stated, repeated keys and
//! trailing bytes. So the raw bytes are walked first, and only then decoded: two readers cannot understand the same
//! bytes differently. Fields that are not known are left alone, since what is verified is the bytes as received.

use alloc::vec::Vec;
use core::fmt;

use minicbor::{Decode, Encode};

/// How deep items may nest: our deepest format takes five levels.
pub const MAX_DEPTH: usize = 8;

/// Why bytes are not one strict CBOR item of the type asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CborError {
    /// Items nest deeper than [`MAX_DEPTH`].
    Depth,
    /// An item of indefinite length.
    Indefinite,
    /// The keys of a map do not rise, or one stands twice.
    KeyOrder,
    /// An integer or a length is written longer than it need be.
    NotMinimal,
    /// A text is not UTF-8.
    NotUtf8,
    /// Bytes follow the item.
    Trailing,
    /// The bytes end inside the item.
    Truncated,
    /// A tag, a float, or a simple value other than true, false and null.
    Unsupported,
    /// Well-formed, but not what was expected here.
    WrongShape,
}

impl fmt::Display for CborError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Depth => "cbor nests too deep",
            Self::Indefinite => "cbor of indefinite length",
            Self::KeyOrder => "cbor map keys out of order or repeated",
            Self::NotMinimal => "cbor number longer than needed",
            Self::NotUtf8 => "cbor text is not utf-8",
            Self::Trailing => "bytes after the cbor item",
            Self::Truncated => "cbor ends too early",
            Self::Unsupported => "cbor tag, float or unknown simple value",
            Self::WrongShape => "cbor of another shape than expected",
        })
    }
}

impl core::error::Error for CborError {}

/// Checks that `bytes` is exactly one item in deterministic form (spec 2.1).
///
/// # Errors
///
/// Names the first rule that is broken.
pub fn check(bytes: &[u8]) -> Result<(), CborError> {
    match walk(bytes, MAX_DEPTH)? {
        [] => Ok(()),
        _ => Err(CborError::Trailing),
    }
}

/// Checks `bytes` and decodes them.
///
/// # Errors
///
/// As [`check`], and [`CborError::WrongShape`] when the item is not a `T`.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, CborError> {
    check(bytes)?;
    minicbor::decode(bytes).map_err(|_| CborError::WrongShape)
}

/// Encodes a value. Our types encode in deterministic form: their integer keys are declared in rising order.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    // Writing to memory cannot fail, and none of our types has a value that it refuses to encode.
    minicbor::to_vec(value).unwrap_or_default()
}

/// Walks one item, of at most `depth` levels, and answers what follows it.
fn walk(bytes: &[u8], depth: usize) -> Result<&[u8], CborError> {
    let depth = depth.checked_sub(1).ok_or(CborError::Depth)?;
    let (major, argument, mut rest) = head(bytes)?;
    match major {
        0 | 1 => Ok(rest),
        2 => take(rest, argument).map(|(_, rest)| rest),
        3 => {
            let (text, rest) = take(rest, argument)?;
            core::str::from_utf8(text).map_err(|_| CborError::NotUtf8)?;
            Ok(rest)
        }
        4 => {
            for _ in 0..argument {
                rest = walk(rest, depth)?;
            }
            Ok(rest)
        }
        5 => {
            let mut last: &[u8] = &[];
            for _ in 0..argument {
                let value = walk(rest, depth)?;
                let (key, _) = take(rest, (rest.len() - value.len()) as u64)?;
                // An encoded key is never empty, so the first one passes.
                if key <= last {
                    return Err(CborError::KeyOrder);
                }
                last = key;
                rest = walk(value, depth)?;
            }
            Ok(rest)
        }
        7 if matches!(argument, 20..=22) => Ok(rest),
        _ => Err(CborError::Unsupported),
    }
}

/// Reads an item's major type and its argument in the shortest form.
fn head(bytes: &[u8]) -> Result<(u8, u64, &[u8]), CborError> {
    let (first, rest) = bytes.split_first().ok_or(CborError::Truncated)?;
    let (major, info) = (first >> 5, first & 0x1f);
    let (width, least) = match info {
        0..=23 => return Ok((major, u64::from(info), rest)),
        // Major type 7 has floats and one-byte simple values here, none of which we take.
        24..=27 if major == 7 => return Err(CborError::Unsupported),
        24 => (1, 24),
        25 => (2, 1 << 8),
        26 => (4, 1 << 16),
        27 => (8, 1 << 32),
        31 => return Err(CborError::Indefinite),
        _ => return Err(CborError::Unsupported),
    };
    let (number, rest) = take(rest, width)?;
    let argument = number
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    if argument < least {
        return Err(CborError::NotMinimal);
    }
    Ok((major, argument, rest))
}

/// Splits off `length` bytes.
fn take(bytes: &[u8], length: u64) -> Result<(&[u8], &[u8]), CborError> {
    usize::try_from(length)
        .ok()
        .and_then(|length| bytes.split_at_checked(length))
        .ok_or(CborError::Truncated)
}

#[cfg(test)]
mod tests;
