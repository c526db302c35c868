//! What clients are told of STUN and TURN servers, so that voice finds its way through networks.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::crypto::turn::turn_password;
use crate::ids::UserId;
use crate::limits;
use crate::time::UnixMillis;
use crate::wire::event::IceServer;
use crate::wire::sensitive::Sensitive;

/// The STUN and TURN servers of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ice {
    /// `stun:` URLs (RFC 7064).
    pub stun: Vec<String>,
    /// `turn:` and `turns:` URLs (RFC 7065).
    pub turn: Vec<String>,
    /// How clients log in to the TURN servers.
    pub login: TurnLogin,
}

/// How clients log in to TURN servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TurnLogin {
    /// They need not.
    #[default]
    Open,
    /// All with the same name and password.
    Shared {
        /// The name.
        username: String,
        /// The password.
        password: Sensitive,
    },
    /// Each with a login of its own that lasts for [`limits::TURN_LOGIN_LIFE`], made from a secret that the TURN server
    /// has too: coturn's `static-auth-secret`.
    Own {
        /// The secret.
        secret: Sensitive,
    },
}

impl Ice {
    /// What a user is told.
    #[must_use]
    pub fn of(&self, user: UserId, now: UnixMillis) -> Vec<IceServer> {
        let (username, credential) = match &self.login {
            TurnLogin::Open => (None, None),
            TurnLogin::Shared { username, password } => {
                (Some(username.clone()), Some(password.clone()))
            }
            TurnLogin::Own { secret } => {
                let until = now.saturating_add(limits::TURN_LOGIN_LIFE).0 / 1000;
                let username = format!("{until}:{}", user);
                let password = turn_password(secret.expose(), &username);
                (Some(username), Some(password))
            }
        };
        let stun = IceServer {
            urls: self.stun.clone(),
            username: None,
            credential: None,
        };
        let turn = IceServer {
            urls: self.turn.clone(),
            username,
            credential,
        };
        let both = [stun, turn].into_iter();
        both.filter(|server| !server.urls.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn ice(login: TurnLogin) -> Ice {
        Ice {
            stun: [String::from("stun:stun.example")].into(),
            turn: [String::from("turn:turn.example?transport=udp")].into(),
            login,
        }
    }

    // spec 11.8
    #[test]
    fn a_login_of_ones_own_lasts_for_a_while() {
        let secret = Sensitive::new("north");
        let servers = ice(TurnLogin::Own { secret }).of(UserId([7; 16]), NOW);
        let until = 1_790_000_000 + limits::TURN_LOGIN_LIFE.as_secs();
        let username = format!("{until}:{}", UserId([7; 16]));
        assert_eq!(servers[0].username, None);
        assert_eq!(servers[1].username.as_ref(), Some(&username));
        let password = turn_password("north", &username);
        assert_eq!(servers[1].credential, Some(password));
        assert!(!format!("{servers:?}").contains(turn_password("north", &username).expose()));
    }

    // spec 11.8
    #[test]
    fn without_servers_nothing_is_told() {
        assert_eq!(Ice::default().of(UserId([7; 16]), NOW), []);
        let (username, password) = (String::from("turn"), Sensitive::new("turnpass"));
        let mut shared = ice(TurnLogin::Shared { username, password });
        shared.stun.clear();
        let servers = shared.of(UserId([7; 16]), NOW);
        assert_eq!(servers.len(), 1);
        assert_eq!(servers[0].username.as_deref(), Some("turn"));
    }
}
