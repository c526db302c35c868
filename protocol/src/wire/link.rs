//! Invite links: `URL/invite/TOKEN`, with a fragment that the server never sees.

use alloc::format;
use alloc::string::String;
use core::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::InviteSecret;
use crate::ids::EntryHash;
use crate::limits::MAX_LINK_BYTES;

/// What stands between a server's address and the token.
const PATH: &str = "/invite/";

/// The fragment of a founding link.
const FOUND: &str = "found";

/// An invite link (spec 2.10).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// The server's address, without a slash at its end.
    pub url: String,
    /// The token that the server takes.
    pub token: String,
    /// What the fragment says.
    pub kind: LinkKind,
}

/// What a link is for.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkKind {
    /// A host's: whoever joins by it waits until an admin vouches.
    Host,
    /// The founding one: whoever joins by it founds the community.
    Found,
    /// A client's: whoever joins by it is a member at once.
    Open {
        /// The invite's secret.
        secret: InviteSecret,
        /// The hash of the invite's entry in the log.
        hash: EntryHash,
    },
}

/// Why a text is not an invite link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// The address is not `http://` or `https://` with a host, or has a user, a query or white space in it.
    Address,
    /// The fragment is neither `found` nor a secret and a hash.
    Fragment,
    /// There is no `/invite/` in it.
    NotALink,
    /// The token is missing, or has characters that no token has.
    Token,
    /// Longer than any link.
    TooLong,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "the link's address is not one of a server",
            Self::Fragment => "the part of the link after # is damaged",
            Self::NotALink => "not an invite link",
            Self::Token => "the link's token is damaged",
            Self::TooLong => "too long for an invite link",
        })
    }
}

impl core::error::Error for LinkError {}

impl Link {
    /// Makes a link.
    #[must_use]
    pub fn new(url: &str, token: &str, kind: LinkKind) -> Self {
        Self {
            url: String::from(url.trim_end_matches('/')),
            token: String::from(token),
            kind,
        }
    }

    /// Reads a link, with white space around it.
    ///
    /// # Errors
    ///
    /// Names the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        if text.len() > MAX_LINK_BYTES {
            return Err(LinkError::TooLong);
        }
        let (address, fragment) = match text.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (text, None),
        };
        let (url, token) = address.rsplit_once(PATH).ok_or(LinkError::NotALink)?;
        if !is_address(url) {
            return Err(LinkError::Address);
        }
        if token.is_empty() || !token.bytes().all(is_unreserved) {
            return Err(LinkError::Token);
        }
        let kind = match fragment {
            None => LinkKind::Host,
            Some(FOUND) => LinkKind::Found,
            Some(fragment) => open_kind(fragment).ok_or(LinkError::Fragment)?,
        };
        Ok(Self::new(url, token, kind))
    }

    /// The link as it is shown to people, with all that is secret in it: there is no `Display`, so that nothing
    /// prints it by accident.
    #[must_use]
    pub fn to_text(&self) -> String {
        let address = format!("{}{PATH}{}", self.url, self.token);
        match &self.kind {
            LinkKind::Host => address,
            LinkKind::Found => format!("{address}#{FOUND}"),
            LinkKind::Open { secret, hash } => {
                let secret = URL_SAFE_NO_PAD.encode(secret.expose());
                format!("{address}#{secret}.{hash}")
            }
        }
    }
}

impl fmt::Debug for Link {
    /// Without the token and the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("url", &self.url)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "Host",
            Self::Found => "Found",
            Self::Open { .. } => "Open(..)",
        })
    }
}

fn open_kind(fragment: &str) -> Option<LinkKind> {
    let (secret, hash) = fragment.split_once('.')?;
    let secret = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
    Some(LinkKind::Open {
        secret: InviteSecret::from_bytes(secret),
        hash: hash.parse().ok()?,
    })
}

/// Whether a text is `http(s)://HOST[:PORT][/PATH]`.
fn is_address(url: &str) -> bool {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'?' | b'\\');
        !host.is_empty() && !host.starts_with(':') && rest.bytes().all(plain)
    })
}

/// Characters that need no escape anywhere in a link.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open() -> LinkKind {
        LinkKind::Open {
            secret: InviteSecret::from_bytes([1; 16]),
            hash: EntryHash([2; 32]),
        }
    }

    // spec 2.10
    #[test]
    fn the_three_kinds_survive_text() {
        for kind in [LinkKind::Host, LinkKind::Found, open()] {
            let link = Link::new("https://chat.example:8443/base/", "to-ken_1", kind);
            assert_eq!(Link::parse(&link.to_text()), Ok(link.clone()));
            assert_eq!(Link::parse(&format!(" {}\n", link.to_text())), Ok(link));
        }
        let host = Link::new("http://127.0.0.1:8080", "t", LinkKind::Host);
        assert_eq!(host.to_text(), "http://127.0.0.1:8080/invite/t");
    }

    // spec 2.10
    #[test]
    fn what_is_damaged_is_named() {
        for (text, error) in [
            ("", LinkError::NotALink),
            ("hello", LinkError::NotALink),
            ("https://example/invite/", LinkError::Token),
            ("https://example/invite/a/b", LinkError::Token),
            ("ftp://example/invite/t", LinkError::Address),
            ("https:///invite/t", LinkError::Address),
            ("https://:80/invite/t", LinkError::Address),
            ("https://good@evil/invite/t", LinkError::Address),
            ("https://a b/invite/t", LinkError::Address),
            ("https://example/invite/t#", LinkError::Fragment),
            ("https://example/invite/t#founding", LinkError::Fragment),
            (
                "https://example/invite/t#AQEBAQEBAQEBAQEBAQEBAQ.00",
                LinkError::Fragment,
            ),
        ] {
            assert_eq!(Link::parse(text), Err(error), "{text:?}");
        }
        let long = format!("https://example/invite/{}", "x".repeat(MAX_LINK_BYTES));
        assert_eq!(Link::parse(&long), Err(LinkError::TooLong));
    }

    // A link that lost its end must not pass for a host's or for another invite's.
    #[test]
    fn a_cut_fragment_is_refused() {
        let text = Link::new("https://example", "t", open()).to_text();
        let start = text.find('#').unwrap();
        for end in start + 1..text.len() {
            assert_eq!(Link::parse(&text[..end]), Err(LinkError::Fragment), "{end}");
        }
    }

    #[test]
    fn a_link_is_never_printed_whole() {
        let link = Link::new("https://example", "token", open());
        let printed = format!("{link:?}");
        assert_eq!(
            printed,
            r#"Link { url: "https://example", kind: Open(..), .. }"#
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, fragment: String) {
            let _ = Link::parse(&text);
            let _ = Link::parse(&format!("https://example/invite/t#{fragment}"));
        }
    }
}
