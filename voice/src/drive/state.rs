//! What clients are told of how everything stands.

use std::collections::BTreeSet;

use dialtone_protocol::Instant;
use dialtone_protocol::crypto::voice::Speaker;
use dialtone_protocol::ids::UserId;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::session::State;
use dialtone_protocol::voice::ipc::{self, Event};

use super::{Daemon, log};
use crate::audio::Opening;
use crate::device::{Names, Sink, Source};
use crate::ipc::ClientId;

impl<R: Runtime> Daemon<R> {
    pub(super) fn say_devices(&mut self, id: ClientId, names: Names) {
        let event = Event::Devices {
            inputs: names.inputs,
            outputs: names.outputs,
            input: match &self.settings.source {
                Source::Named(name) => name.clone(),
                Source::File(path) => path.display().to_string(),
                _ => String::new(),
            },
            output: match &self.settings.sink {
                Sink::Named(name) => name.clone(),
                _ => String::new(),
            },
        };
        self.clients.tell(id, &event);
    }

    fn state(&self) -> Event {
        let (opening, threshold) = self
            .speaking
            .gate(|gate| (gate.opening(), gate.threshold()));
        let gate = match opening {
            Opening::Voice => ipc::Gate::Voice,
            Opening::Open => ipc::Gate::Open,
            _ => self.key.clone(),
        };
        Event::VoiceState {
            muted: self.muted,
            deafened: self.deafened,
            gate,
            threshold,
            microphone: self.input.is_some() && !self.is_microphone_lost,
            testing: self.speaking.is_testing(),
        }
    }

    pub(super) fn say_state(&mut self) {
        let state = self.state();
        self.tell_all(&state);
    }

    pub(super) fn say_everything(&mut self, id: ClientId) {
        let online = self.room.link() == State::Online;
        self.clients.tell(id, &Event::VoiceLink { online });
        let state = self.state();
        self.clients.tell(id, &state);
        if let Some(room) = self.room.room().filter(|_| self.room.is_inside()) {
            self.clients.tell(id, &Event::VoiceConnected { room });
        }
        if let Some(members) = self.members() {
            self.clients.tell(id, &members);
        }
    }

    /// Says who begins and who ceases to speak, and how loud it is here.
    pub(super) fn say_who_speaks(&mut self, now: Instant) {
        let speak: BTreeSet<UserId> = self.hearing.speaking(now).into_iter().collect();
        let spoke = core::mem::replace(&mut self.spoke, speak.clone());
        let ended = spoke.difference(&speak).map(|user| (*user, false));
        let begun = speak.difference(&spoke).map(|user| (*user, true));
        for (user, active) in ended.chain(begun) {
            // One's own other devices do not make this one speak.
            if self.user != Some(user) {
                self.tell_all(&Event::UserSpeaking { user, active });
            }
        }
        let (level, sending) = (core::mem::take(&mut self.loudest), self.sending);
        if self.meters {
            self.tell_all(&Event::Level { level, sending });
        }
    }

    pub(super) fn note_sending(&mut self, sending: bool) {
        if core::mem::replace(&mut self.sending, sending) != sending
            && let Some(user) = self.user
        {
            let active = sending;
            self.tell_all(&Event::UserSpeaking { user, active });
        }
    }

    /// Nobody speaks any more.
    pub(super) fn say_silence(&mut self) {
        for user in core::mem::take(&mut self.spoke) {
            let active = false;
            self.tell_all(&Event::UserSpeaking { user, active });
        }
    }

    /// How good the connections are, and how much is to be sent twice.
    pub(super) fn judge(&mut self) {
        if let Some(error) = self.hearing.recording_failed() {
            self.complain(&error);
        }
        let mut lost = 0.0_f32;
        let mut members = Vec::new();
        for (peer, Speaker { user, device }) in self.peers() {
            let health = self.mesh.health(peer).unwrap_or_default();
            lost = lost.max(health.loss_there.unwrap_or(0.0));
            let Some((stats, loss)) = self.hearing.judge(peer) else {
                continue;
            };
            #[expect(clippy::cast_possible_truncation, reason = "figures for people")]
            let quality = ipc::Quality {
                user,
                device,
                loss,
                jitter: stats.jitter as f32,
                buffer: stats.delay as f32,
                round_trip: health.round_trip.map(|it| it.as_secs_f32() * 1000.0),
                relayed: health.relayed,
            };
            members.push(quality);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a share"
        )]
        self.speaking
            .expect_loss((lost.clamp(0.0, 1.0) * 100.0) as u8);
        // A connection may have fallen silent, or come back, without anything else that says so.
        self.say_members();
        if self.meters {
            self.tell_all(&Event::Quality { members });
        }
        if self.settings.meter {
            let threshold = self.speaking.gate(|gate| gate.threshold());
            let (level, sending) = (core::mem::take(&mut self.loudest_logged), self.sending);
            log::note(format_args!(
                "level {level} threshold {threshold} sending {sending}"
            ));
        }
    }
}
