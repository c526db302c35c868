//! The STUN and TURN servers, as a host names them.

use dialtone_protocol::hub::{Ice, TurnLogin};
use dialtone_protocol::wire::ice_url::{IceScheme, IceUrl};
use dialtone_protocol::wire::sensitive::Sensitive;

use crate::settings::SettingsError;

/// What a host says of STUN and TURN servers.
#[derive(Default)]
pub(crate) struct IceSettings {
    pub(crate) stun: Vec<String>,
    pub(crate) turn: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) secret: Option<String>,
}

impl IceSettings {
    /// # Errors
    ///
    /// When a server has no usable address, or it is not clear how to log in.
    pub(crate) fn resolve(self) -> Result<Ice, SettingsError> {
        let login = match (self.user, self.password, self.secret) {
            (None, None, None) => TurnLogin::Open,
            (Some(username), Some(password), None) => TurnLogin::Shared {
                username,
                password: Sensitive::new(password),
            },
            (None, None, Some(secret)) => TurnLogin::Own {
                secret: Sensitive::new(secret),
            },
            _ => return Err(SettingsError::TurnLogin),
        };
        Ok(Ice {
            stun: urls(&self.stun, &[IceScheme::Stun, IceScheme::Stuns])?,
            turn: urls(&self.turn, &[IceScheme::Turn, IceScheme::Turns])?,
            login,
        })
    }
}

/// What of these servers no client of this project uses, in words: a host thinks that it helps, and nobody says more
/// than a line in a daemon's log. It is no error, since programs of others may use it.
pub(crate) fn doubts(ice: &Ice) -> Vec<String> {
    let tls = ice.stun.iter().filter(|url| url.starts_with("stuns:"));
    let mut doubts: Vec<String> = tls
        .map(|url| {
            format!(
                "dialtone asks STUN servers over UDP alone and passes over {url}: name one that begins with stun:, or \
                 leave it out"
            )
        })
        .collect();
    if !ice.turn.is_empty() && ice.login == TurnLogin::Open {
        doubts.push(format!(
            "dialtone uses no TURN server without a login, and passes over {}: set TURN_SECRET, or TURN_USER and \
             TURN_PASS, as the TURN server has them",
            ice.turn.join(", ")
        ));
    }
    doubts
}

/// The parts of a list with commas, as the original's daemon took them.
pub(crate) fn list(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// URLs of these schemes; the first is meant where there is none.
fn urls(named: &[String], schemes: &[IceScheme]) -> Result<Vec<String>, SettingsError> {
    let url = |text: &String| {
        let url = IceUrl::parse_as(text, schemes);
        url.map(|url| url.to_string())
            .map_err(|why| SettingsError::IceServer(text.clone(), why))
    };
    named.iter().map(url).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn servers_are_named_with_or_without_a_scheme() {
        let ice = IceSettings {
            stun: list("stun.example:3478, stun:other.example"),
            turn: list("turns:turn.example:5349?transport=tcp,[2001:db8::1]:3478"),
            ..IceSettings::default()
        };
        let ice = ice.resolve().unwrap();
        assert_eq!(ice.stun, ["stun:stun.example:3478", "stun:other.example"]);
        assert_eq!(
            ice.turn,
            [
                "turns:turn.example:5349?transport=tcp",
                "turn:[2001:db8::1]:3478"
            ]
        );
    }

    // spec 11.54
    #[test]
    fn what_no_client_uses_is_doubted() {
        let ice = |stun: &str, turn: &str, secret: Option<&str>| {
            let ice = IceSettings {
                stun: list(stun),
                turn: list(turn),
                secret: secret.map(str::to_owned),
                ..IceSettings::default()
            };
            doubts(&ice.resolve().unwrap())
        };
        assert!(ice("stun.example", "turns:turn.example", Some("s")).is_empty());
        assert!(ice("stun:stun.example", "", None).is_empty());
        let [tls] = &ice("stun:one, stuns:two.example:5349", "", None)[..] else {
            panic!("only one of them is over TLS");
        };
        assert!(tls.contains("stuns:two.example:5349") && tls.contains("begins with stun:"));
        let [open] = &ice("", "turn.example,turns:other.example", None)[..] else {
            panic!("it is said once for all");
        };
        for wanted in ["turn:turn.example", "turns:other.example", "TURN_SECRET"] {
            assert!(open.contains(wanted), "{open}");
        }
    }

    #[test]
    fn what_is_no_server_is_named() {
        for wrong in [
            "http://turn.example",
            "turn:",
            "turn.example:port",
            "2001:db8::1",
            "a b",
            "user@turn.example",
        ] {
            let ice = IceSettings {
                turn: vec![wrong.to_owned()],
                ..IceSettings::default()
            };
            let error = ice.resolve().unwrap_err();
            assert!(
                matches!(&error, SettingsError::IceServer(named, _) if named == wrong),
                "{error}"
            );
        }
    }

    #[test]
    fn it_is_clear_how_to_log_in() {
        let some = |text: &str| Some(text.to_owned());
        let resolve = |user, password, secret| {
            let ice = IceSettings {
                user,
                password,
                secret,
                ..IceSettings::default()
            };
            ice.resolve().map(|ice| ice.login)
        };
        assert_eq!(resolve(None, None, None), Ok(TurnLogin::Open));
        assert!(matches!(
            resolve(some("u"), some("p"), None),
            Ok(TurnLogin::Shared { .. })
        ));
        assert!(matches!(
            resolve(None, None, some("s")),
            Ok(TurnLogin::Own { .. })
        ));
        for (user, password, secret) in [
            (some("u"), None, None),
            (None, some("p"), None),
            (some("u"), some("p"), some("s")),
        ] {
            assert_eq!(
                resolve(user, password, secret),
                Err(SettingsError::TurnLogin)
            );
        }
    }
}
