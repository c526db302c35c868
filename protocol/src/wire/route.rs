//! Which endpoints there are, and who may use them.

use super::http::{Method, Response};
use crate::limits;

/// What a request must prove before its body is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Nothing.
    Anyone,
    /// A session.
    Session,
    /// A session of a user who registered with an invite; 401 else, as in the original.
    Trusted,
    /// A session of an admin; 403 else.
    Admin,
    /// The host's admin token, or a session of an admin.
    Host,
}

macro_rules! routes {
    ($($(#[$doc:meta])* $name:ident = $method:ident $path:literal $access:ident;)*) => {
        /// One endpoint.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Route {
            /// `/health`, by any method.
            Health,
            $($(#[$doc])* $name,)*
        }

        impl Route {
            /// Every endpoint.
            pub const ALL: &'static [Self] = &[Self::Health, $(Self::$name,)*];

            /// The endpoint's path.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self {
                    Self::Health => "/health",
                    $(Self::$name => $path,)*
                }
            }

            /// The endpoint's method.
            #[must_use]
            pub const fn method(self) -> Method {
                match self {
                    Self::Health => Method::Get,
                    $(Self::$name => Method::$method,)*
                }
            }

            /// What a request to it must prove.
            #[must_use]
            pub const fn access(self) -> Access {
                match self {
                    Self::Health => Access::Anyone,
                    $(Self::$name => Access::$access,)*
                }
            }
        }
    };
}

routes! {
    /// `POST /auth/register`
    Register = Post "/auth/register" Anyone;
    /// `POST /auth/login`
    LogIn = Post "/auth/login" Anyone;
    /// `POST /auth/challenge`
    Challenge = Post "/auth/challenge" Anyone;
    /// `POST /auth/device`
    DeviceLogIn = Post "/auth/device" Anyone;
    /// `GET /sessions`
    Sessions = Get "/sessions" Session;
    /// `DELETE /sessions`
    EndSession = Delete "/sessions" Session;
    /// `POST /users`: anyone's in the original, an admin's here.
    CreateUser = Post "/users" Host;
    /// `GET /users/profiles`
    Profiles = Get "/users/profiles" Trusted;
    /// `POST /users/profiles`
    PutProfile = Post "/users/profiles" Trusted;
    /// `POST /devices`
    AddDevice = Post "/devices" Session;
    /// `GET /devices/keys`
    DeviceKeys = Get "/devices/keys" Session;
    /// `GET /directory/keys`
    DirectoryKey = Get "/directory/keys" Trusted;
    /// `POST /directory/keys`
    PutDirectoryKeys = Post "/directory/keys" Trusted;
    /// `GET /channels`
    Channels = Get "/channels" Session;
    /// `POST /channels`
    CreateChannel = Post "/channels" Admin;
    /// `PATCH /channels`
    RenameChannel = Patch "/channels" Admin;
    /// `DELETE /channels`
    DeleteChannel = Delete "/channels" Admin;
    /// `GET /channels/messages`
    Messages = Get "/channels/messages" Session;
    /// `GET /channels/keys`
    ChannelKey = Get "/channels/keys" Session;
    /// `POST /channels/keys`
    PutChannelKeys = Post "/channels/keys" Session;
    /// `POST /presence`
    Presence = Post "/presence" Session;
    /// `POST /server/invites`
    CreateInvite = Post "/server/invites" Host;
    /// `GET /ws`
    WebSocket = Get "/ws" Session;
    /// `GET /sigchain`
    Sigchain = Get "/sigchain" Session;
    /// `POST /sigchain`
    AppendSigchain = Post "/sigchain" Session;
    /// `GET /envelopes`
    Envelopes = Get "/envelopes" Session;
    /// `POST /envelopes`
    PostEnvelopes = Post "/envelopes" Session;
    /// `GET /envelopes/owed`
    OwedEnvelopes = Get "/envelopes/owed" Session;
    /// `GET /names`
    Names = Get "/names" Session;
    /// `POST /names`
    PostNames = Post "/names" Session;
    /// `GET /pending`
    Pending = Get "/pending" Admin;
    /// `POST /pending`
    PostPending = Post "/pending" Session;
}

impl Route {
    /// Finds the endpoint.
    ///
    /// # Errors
    ///
    /// 404 for an unknown path, 405 with an empty body for a known one by another method.
    pub fn find(method: &str, path: &str) -> Result<Self, Response> {
        if path == Self::Health.path() {
            return Ok(Self::Health);
        }
        let mut routes = Self::ALL
            .iter()
            .filter(|route| route.path() == path)
            .peekable();
        if routes.peek().is_none() {
            return Err(Response::text(404, "404 page not found\n"));
        }
        routes
            .find(|route| route.method().as_str() == method)
            .copied()
            .ok_or_else(|| Response::empty(405))
    }

    /// The largest body that the endpoint takes, in bytes.
    #[must_use]
    pub const fn max_body(self) -> usize {
        if matches!(
            self,
            Self::AppendSigchain | Self::PostEnvelopes | Self::PostNames
        ) {
            limits::MAX_APPEND_BYTES
        } else {
            limits::MAX_REQUEST_BYTES
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_found() {
        for route in Route::ALL {
            assert_eq!(
                Route::find(route.method().as_str(), route.path()),
                Ok(*route)
            );
        }
    }

    #[test]
    fn wrong_method_and_wrong_path_differ() {
        assert_eq!(Route::find("PUT", "/health"), Ok(Route::Health));
        assert_eq!(Route::find("PUT", "/channels"), Err(Response::empty(405)));
        assert_eq!(Route::find("GET", "/auth/login"), Err(Response::empty(405)));
        assert_eq!(
            Route::find("GET", "/channels/").map_err(|it| it.status),
            Err(404)
        );
    }
}
