//! Which STUN and TURN servers are used: those of the settings, or else those that the server names.

use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc;
use dialtone_protocol::wire::event::IceServer;

use super::lookup::{LookedUp, look_up};
use super::{Daemon, Incoming, Stream, log};
use crate::media::{Login, MAX_SERVERS, Named, Service, StreamId};

/// URLs that are read at most: most of them may be of a kind that is not used.
const MAX_URLS: usize = 64;

/// How long to wait before a name without an address is looked up again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl<R: Runtime> Daemon<R> {
    /// The server named STUN and TURN servers. Those of the settings stand in place of those of their kind.
    pub(super) fn name_servers(&mut self, named: &[IceServer]) {
        let (stun, turn): (Vec<Named>, Vec<Named>) = read(named)
            .into_iter()
            .partition(|it| it.service == Service::Stun);
        let prefer = |own: &[Named], named| match own.is_empty() {
            true => named,
            false => own.to_vec(),
        };
        // Without a relay some are not heard at all: those come first.
        let mut wanted = prefer(&self.settings.turn, turn);
        wanted.extend(prefer(&self.settings.stun, stun));
        wanted.truncate(MAX_SERVERS);
        self.has_relay = wanted.iter().any(|it| it.service != Service::Stun);
        let (runtime, incoming) = (self.runtime.clone(), self.incoming.0.clone());
        self.lookup = Arc::default();
        let is_wanted = Arc::downgrade(&self.lookup);
        // Names may take their time.
        self.runtime.spawn(async move {
            loop {
                let names = wanted.clone();
                let found = runtime.unblock(move || look_up(names)).await;
                let is_all = found.iter().all(|it| !it.addresses.is_empty());
                if is_wanted.strong_count() == 0
                    || incoming.send(Incoming::Servers(found)).await.is_err()
                    || is_all
                {
                    break;
                }
                runtime.sleep_until(runtime.now() + LOOK_AGAIN).await;
            }
        });
    }

    /// The addresses of the servers are known. What has none is said once, until it had one.
    pub(super) fn use_servers(&mut self, found: &[LookedUp]) {
        let used = core::mem::take(&mut self.servers);
        let mut unknown = BTreeSet::new();
        for one in found {
            let chosen = one.choose(&used);
            if chosen.is_empty() {
                unknown.insert(one.named.host.clone());
            }
            self.servers.extend(chosen);
        }
        for host in unknown.difference(&self.unknown_hosts) {
            let error = format!(
                "the STUN or TURN server {host} is not used: its name has no address. Look at this machine's network, \
                 at --voice-stun or --voice-turn if you set it, or tell the server's host; it is looked up again"
            );
            log::note(format_args!("{error}"));
            self.clients.tell_all(&ipc::Event::Error { error });
        }
        self.unknown_hosts = unknown;
        let servers = self.servers.clone();
        self.mesh.set_servers(servers, self.runtime.now());
    }

    pub(super) fn stream(&mut self, id: StreamId, stream: Stream) {
        let now = self.runtime.now();
        match stream {
            Stream::Opened => self.mesh.stream_opened(id, now),
            Stream::Bytes(bytes) => self.mesh.stream_bytes(id, &bytes, now),
            Stream::Closed(why) => {
                self.streams.close(id);
                self.mesh.stream_closed(id, &why, now);
            }
        }
    }
}

/// The servers among these that can be used.
fn read(servers: &[IceServer]) -> Vec<Named> {
    let urls = servers.iter().flat_map(|server| {
        let login = match (&server.username, &server.credential) {
            (Some(username), Some(password)) => Login::new(username, password.expose()),
            _ => None,
        };
        let one = move |url: &String| Named::parse(url, login.as_ref());
        server.urls.iter().map(one)
    });
    let read = urls.take(MAX_URLS).filter_map(|named| {
        let said = named.inspect_err(|error| {
            log::note(format_args!(
                "a STUN or TURN server is passed over: {error}"
            ));
        });
        said.ok()
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use dialtone_protocol::wire::sensitive::Sensitive;

    use super::*;

    #[test]
    fn what_can_be_used_is_read_and_the_rest_passed_over() {
        let urls = [
            "turn:turn.example",
            "turn:turn.example?transport=sctp",
            "turns:turn.example?transport=tcp",
            "http://turn.example",
        ];
        let turn = IceServer {
            urls: urls.map(str::to_owned).to_vec(),
            username: Some("ann".to_owned()),
            credential: Some(Sensitive::new("secret")),
        };
        let open = IceServer {
            urls: vec![
                "stun:stun.example:99".to_owned(),
                "turn:open.example".to_owned(),
            ],
            username: None,
            credential: None,
        };
        let found = read(&[turn, open]);
        let found: Vec<_> = found.iter().map(|it| (it.host.as_str(), it.port)).collect();
        assert_eq!(
            found,
            [
                ("turn.example", 3478),
                ("turn.example", 5349),
                ("stun.example", 99)
            ]
        );
    }
}
