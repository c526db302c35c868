//! One turn of the loop after the other: what happened is handed to the machines, and time is let pass.

use core::time::Duration;
use std::pin::pin;

use dialtone_client::interrupt::Wish;
use dialtone_client::link::{Happened as Link, LinkError};
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc;
use dialtone_protocol::voice::room::Input;
use dialtone_protocol::{Instant, Machine};
use futures_util::FutureExt;
use futures_util::future::{Either, select};

use super::key::Key;
use super::{Daemon, Incoming};
use crate::audio::Sent;
use crate::device::{End, Happened};
use crate::ipc::{ClientId, Heard, Socket};

/// How much is taken in before time is looked at.
const TURN: usize = 64;

/// How often it is looked who speaks, in a room.
const LOOK: Duration = Duration::from_millis(100);

/// How often it is said how good the connections are, and how much gets lost.
const JUDGE: Duration = Duration::from_secs(1);

/// How often it is looked by which addresses this device can be reached.
const ADDRESSES: Duration = Duration::from_secs(1);

/// How long a daemon that ends with its client waits for it to come.
const CLIENT_COMES: Duration = Duration::from_secs(30);

/// How long farewells may take.
const FAREWELL: Duration = Duration::from_millis(300);

/// Why the loop woke.
enum Wake {
    Client(ClientId, Heard),
    Device(Happened),
    Incoming(Incoming),
    Sent(Sent),
    Stop,
    Timeout,
}

impl<R: Runtime> Daemon<R> {
    pub(super) async fn run(&mut self, socket: &Socket, wish: &Wish) {
        self.carry_out().await;
        while !self.stopping {
            let wake = self.wait(socket, wish).await;
            self.take(wake);
            for _ in 0..TURN {
                match self.already_there(socket) {
                    Some(wake) => self.take(wake),
                    None => break,
                }
            }
            self.pass_time();
            self.carry_out().await;
            self.look_at_addresses().await;
        }
        self.say_farewell().await;
    }

    async fn wait(&self, socket: &Socket, wish: &Wish) -> Wake {
        let client = socket.heard().recv().map(|heard| match heard {
            Ok((id, heard)) => Wake::Client(id, heard),
            Err(_) => Wake::Stop,
        });
        let incoming = self.incoming.1.recv();
        let incoming = incoming.map(|it| it.map_or(Wake::Timeout, Wake::Incoming));
        let sent = self.sent.1.recv();
        let sent = sent.map(|it| it.map_or(Wake::Timeout, Wake::Sent));
        let device = self.happened.1.recv();
        let device = device.map(|it| it.map_or(Wake::Timeout, Wake::Device));
        let stop = wish.comes().map(|()| Wake::Stop);
        let sleep = self.runtime.sleep_until(self.due()).map(|()| Wake::Timeout);
        // Others can keep the network busy: what people want of this device is not kept waiting by them.
        let people = first(stop, first(client, device));
        first(people, first(first(sent, incoming), sleep)).await
    }

    /// What has happened already. Sound comes before all else.
    fn already_there(&self, socket: &Socket) -> Option<Wake> {
        if let Ok(sent) = self.sent.1.try_recv() {
            return Some(Wake::Sent(sent));
        }
        if let Ok(incoming) = self.incoming.1.try_recv() {
            return Some(Wake::Incoming(incoming));
        }
        let (id, heard) = socket.heard().try_recv().ok()?;
        Some(Wake::Client(id, heard))
    }

    /// When to wake at the latest.
    fn due(&self) -> Instant {
        let now = self.runtime.now();
        let own = match (self.is_busy(), self.was_used) {
            (true, _) => Some(self.looked + LOOK),
            (false, false) if self.settings.ends_with_client => Some(self.since + CLIENT_COMES),
            (false, _) => None,
        };
        let machines = [self.room.poll_timeout(), self.mesh.poll_timeout()];
        let due = machines.into_iter().flatten().chain(own).min();
        due.unwrap_or(now + Duration::from_secs(60))
    }

    /// Whether sound is on.
    pub(super) fn is_busy(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }

    fn take(&mut self, wake: Wake) {
        let now = self.runtime.now();
        match wake {
            Wake::Client(id, heard) => self.client(id, heard),
            Wake::Device(happened) => self.device(&happened),
            Wake::Incoming(Incoming::Datagram {
                socket,
                from,
                bytes,
            }) => self.mesh.datagram(socket, from, &bytes, now),
            Wake::Incoming(Incoming::Link { number, happened }) => {
                if self.link.as_ref().is_some_and(|(it, _)| *it == number) {
                    self.link_happened(happened);
                }
            }
            Wake::Incoming(Incoming::Servers(found)) => self.use_servers(&found),
            Wake::Incoming(Incoming::Stream(id, stream)) => self.stream(id, stream),
            Wake::Incoming(Incoming::Key(key)) => self.key(key),
            Wake::Incoming(Incoming::Names(client, names)) => self.say_devices(client, names),
            Wake::Sent(sent) => self.send(&sent),
            Wake::Stop => self.stopping = true,
            Wake::Timeout => {}
        }
    }

    fn link_happened(&mut self, happened: Link) {
        let now = self.runtime.now();
        // The machine passes over what it does not wait for.
        let _ = match happened {
            Link::Opened => self.room.handle_input(Input::SocketOpened, now),
            Link::Frame(frame) => self.room.handle_input(Input::Frame(frame.as_bytes()), now),
            Link::Closed(error) => {
                self.link = None;
                let status = status(&error);
                self.room.handle_input(Input::SocketClosed { status }, now)
            }
            _ => Ok(()),
        };
    }

    fn send(&mut self, sent: &Sent) {
        let now = self.runtime.now();
        if self.room.room().is_some() {
            for frame in &sent.frames {
                self.mesh
                    .send(&frame.payload, frame.time, frame.marker, now);
            }
        }
        self.loudest = self.loudest.max(sent.level);
        self.loudest_logged = self.loudest_logged.max(sent.level);
        self.note_sending(sent.sending && !self.speaking.is_testing());
    }

    fn device(&mut self, happened: &Happened) {
        match happened {
            Happened::Trouble { end, what } => {
                if *end == End::Input {
                    self.is_microphone_lost = true;
                    self.note_sending(false);
                    self.say_state();
                }
                let what = format!("the {end} cannot be used: {what}; it is tried again");
                self.tell_all(&ipc::Event::Error { error: what });
            }
            Happened::Opened(end) => {
                if *end == End::Input {
                    self.is_microphone_lost = false;
                }
                self.say_state();
            }
            Happened::Returned(end) => {
                let what = format!("the {end} is used again");
                self.tell_all(&ipc::Event::Info { error: what });
            }
            Happened::Ended => {
                let what = "the file is at its end".to_owned();
                self.tell_all(&ipc::Event::Info { error: what });
            }
        }
    }

    fn key(&mut self, key: Key) {
        match key {
            Key::Held(held) => self.hold(held),
            Key::Gate(gate) => {
                self.hold(false);
                self.key = gate;
                self.say_state();
            }
        }
    }

    fn pass_time(&mut self) {
        let now = self.runtime.now();
        if self.room.poll_timeout().is_some_and(|at| at <= now) {
            self.room.handle_timeout(now);
        }
        if self.mesh.poll_timeout().is_some_and(|at| at <= now) {
            self.mesh.handle_timeout(now);
        }
        if self.is_busy() && now >= self.looked + LOOK {
            self.looked = now;
            self.say_who_speaks(now);
            if now >= self.judged + JUDGE {
                self.judged = now;
                self.judge();
            }
        }
        let alone = self.clients.is_empty();
        let waited = self.was_used || now >= self.since + CLIENT_COMES;
        if self.settings.ends_with_client && alone && waited {
            self.stopping = true;
        }
    }

    /// Addresses come and go: another network, a cable, a tunnel.
    async fn look_at_addresses(&mut self) {
        let now = self.runtime.now();
        if self.room.room().is_none() || now < self.searched + ADDRESSES {
            return;
        }
        self.searched = now;
        if self.find_addresses().await {
            let _ = self.room.handle_input(Input::NetworkChanged, now);
            self.carry_out().await;
        }
    }

    /// Answers whether anything changed.
    pub(super) async fn find_addresses(&mut self) -> bool {
        let Ok(changes) = self.network.look().await else {
            return false;
        };
        let now = self.runtime.now();
        let changed = !changes.new.is_empty() || !changes.gone.is_empty();
        for id in changes.gone {
            self.mesh.remove_socket(id, now);
        }
        for (id, address) in changes.new {
            self.mesh.add_socket(id, address, now);
        }
        changed
    }

    async fn say_farewell(&mut self) {
        self.room.close(self.runtime.now());
        self.carry_out().await;
        self.input = None;
        self.output = None;
        // The writer of the link sends what it has.
        self.link = None;
        self.runtime
            .sleep_until(self.runtime.now() + FAREWELL)
            .await;
    }
}

/// What comes first.
pub(super) async fn first<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    match select(pin!(one), pin!(other)).await {
        Either::Left((it, _)) | Either::Right((it, _)) => it,
    }
}

const fn status(error: &LinkError) -> Option<u16> {
    match error.failure {
        dialtone_protocol::client::LinkFailure::Refused(status) => Some(status),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::num::NonZero;
    use std::os::unix::net::UnixStream;

    use dialtone_client::interrupt;
    use dialtone_client::server_url::ServerUrl;
    use dialtone_runtime_smol::Smol;

    use super::*;
    use crate::device::{Sink, Source};
    use crate::drive::Settings;

    #[test]
    fn people_are_heard_while_others_keep_the_network_busy() {
        Smol::run(NonZero::<usize>::MIN, |runtime| async move {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("voice.sock");
            let server = "http://127.0.0.1:1".parse::<ServerUrl>().unwrap();
            let mut settings = Settings::new(server, path.clone());
            (settings.source, settings.sink) = (Source::Silence, Sink::Silence);
            let socket = Socket::bind(&runtime, &path).unwrap();
            let daemon = Daemon::new(runtime.clone(), settings).unwrap();
            let _client = UnixStream::connect(&path).unwrap();
            while socket.heard().is_empty() {
                let soon = runtime.now() + Duration::from_millis(1);
                runtime.sleep_until(soon).await;
            }
            let busy = Incoming::Key(Key::Held(true));
            daemon.incoming.0.try_send(busy).unwrap();
            let wake = daemon.wait(&socket, &interrupt::watch()).await;
            assert!(matches!(wake, Wake::Client(..)));
        })
        .unwrap();
    }
}
