//! What clients want.

use std::io;

use dialtone_protocol::Machine;
use dialtone_protocol::crypto::voice::Speaker;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::voice::ipc::{Command, Event, MAX_LEVEL, MAX_VOLUME, Press};
use dialtone_protocol::voice::room::{AskId, Input};

use super::{Daemon, Incoming, log};
use crate::audio::Opening;
use crate::device::{self, Sink, Source};
use crate::ipc::{ClientId, Heard};

impl<R: Runtime> Daemon<R> {
    pub(super) fn client(&mut self, id: ClientId, heard: Heard) {
        match heard {
            Heard::Came(outgoing) => {
                self.was_used = true;
                self.clients.add(id, outgoing);
                self.clients.tell(id, &Event::VoiceReady { room: None });
            }
            Heard::Command(command) => self.command(id, command),
            Heard::Malformed(error) => self.refuse(id, &error.to_string()),
            Heard::Gone => {
                self.clients.remove(id);
                if self.tests == Some(id) {
                    self.end_test();
                }
                if self.answers == Some(id) {
                    self.answers = None;
                    // It may have held the key, and nobody would let go of it now.
                    self.hold(false);
                    self.room.unanswered(self.runtime.now());
                }
            }
        }
    }

    fn command(&mut self, id: ClientId, command: Command) {
        let now = self.runtime.now();
        match command {
            Command::Identify { user, answers } => {
                self.user = Some(user);
                if answers {
                    self.answers = Some(id);
                    self.room.ask_anew(now);
                }
            }
            Command::VoiceJoin { room } => {
                self.tests = None;
                self.speaking.test(false);
                self.room.enter(room, now);
            }
            Command::VoiceLeave { room } => match self.room.room() {
                Some(here) if room.is_none_or(|room| room == here) => self.room.leave(now),
                // As the original answers it: whoever asks is in no room now.
                _ => self.clients.tell(id, &Event::VoiceReady { room }),
            },
            Command::Mute => self.set_muted(true),
            Command::Unmute => self.set_muted(false),
            Command::Deafen => self.set_deafened(true),
            Command::Undeafen => self.set_deafened(false),
            Command::Ping => self.clients.tell(id, &Event::Pong),
            Command::Status => self.say_everything(id),
            Command::Volume { user, percent } => {
                self.hearing.set_volume(user, percent.min(MAX_VOLUME));
                self.say_members();
            }
            Command::Devices => self.look_for_devices(id),
            Command::Device { input, output } => self.choose(input, output),
            Command::Ptt { action } => self.press(id, action),
            Command::Threshold { level } => {
                let level = level.clamp(1, MAX_LEVEL);
                self.speaking.gate(|gate| gate.set_threshold(level));
                self.say_state();
            }
            Command::Test { on } => self.test(id, on),
            Command::Meter { on } => self.meters = on,
            Command::VoiceAnswer { ask, answer } => {
                // An answer that comes twice, or too late, is nobody's.
                if self.answers == Some(id) {
                    let (id, answer) = (AskId(ask), &answer);
                    let _ = self.room.handle_input(Input::Answered { id, answer }, now);
                }
            }
            Command::VoiceRevoke { room, user, device } => {
                let speaker = Speaker { user, device };
                let _ = self
                    .room
                    .handle_input(Input::Revoked { room, speaker }, now);
            }
            _ => self.refuse(id, "this version does not know the command"),
        }
    }

    fn refuse(&mut self, id: ClientId, why: &str) {
        let error = why.to_owned();
        self.clients.tell(id, &Event::Error { error });
    }

    fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        let silent = muted || self.deafened;
        self.speaking.gate(|gate| gate.set_muted(silent));
        self.say_state();
    }

    fn set_deafened(&mut self, deafened: bool) {
        self.deafened = deafened;
        self.hearing.deafen(deafened);
        self.set_muted(self.muted);
    }

    fn press(&mut self, id: ClientId, action: Press) {
        let opening = self.speaking.gate(|gate| gate.opening());
        if opening != Opening::Key {
            self.refuse(
                id,
                "sound is sent by how loud it is: start voice with --voice-ptt to send it by a key",
            );
            return;
        }
        let held = match action {
            Press::Down => true,
            Press::Toggle => !self.speaking.gate(|gate| gate.is_held()),
            _ => false,
        };
        self.hold(held);
    }

    /// The key to talk is held, or not any more.
    pub(super) fn hold(&self, held: bool) {
        let was_held = self.speaking.gate(|gate| {
            let was_held = gate.is_held();
            gate.press(held);
            was_held
        });
        if held != was_held {
            let what = if held { "held" } else { "let go of" };
            log::note(format_args!("the key to talk is {what}"));
        }
    }

    fn test(&mut self, id: ClientId, on: bool) {
        if on && self.room.room().is_some() {
            self.refuse(id, "leave the room to try the microphone out");
            return;
        }
        if !on {
            self.end_test();
            return;
        }
        self.tests = Some(id);
        self.speaking.test(true);
        self.open_sound();
        self.say_state();
    }

    fn end_test(&mut self) {
        self.tests = None;
        self.speaking.test(false);
        if self.room.room().is_none() {
            self.close_sound();
        }
        self.say_state();
    }

    /// The microphone is open from here on, until [`close_sound`](Self::close_sound).
    pub(super) fn open_sound(&mut self) {
        if self.output.is_none() {
            let (hearing, runtime) = (self.hearing.clone(), self.runtime.clone());
            let fill = Box::new(move |piece: &mut _| hearing.pull(runtime.now(), piece));
            match device::open_output(&self.settings.sink, fill, self.happened.0.clone()) {
                Ok(open) => self.output = Some(open),
                Err(error) => self.complain(&error),
            }
        }
        if self.input.is_none()
            && let Err(error) = self.open_input()
        {
            self.complain(&error);
        }
    }

    pub(super) fn open_input(&mut self) -> io::Result<()> {
        let take = self
            .speaking
            .take(self.sent.0.clone(), self.hearing.clone());
        let open = device::open_input(&self.settings.source, take, self.happened.0.clone())?;
        self.input = Some(open);
        self.is_microphone_lost = false;
        log::note(format_args!("the microphone is open"));
        Ok(())
    }

    pub(super) fn close_sound(&mut self) {
        if self.input.take().is_some() {
            log::note(format_args!("the microphone is closed"));
        }
        self.output = None;
        self.speaking.test(false);
        self.speaking.clear();
        self.hearing.clear();
        while self.sent.1.try_recv().is_ok() {}
        self.note_sending(false);
    }

    pub(super) fn complain(&mut self, error: &io::Error) {
        let error = error.to_string();
        self.tell_all(&Event::Error { error });
    }

    fn choose(&mut self, input: Option<String>, output: Option<String>) {
        let busy = self.is_busy();
        if let Some(name) = input {
            self.settings.source = match name.is_empty() {
                true => Source::System,
                false => Source::Named(name),
            };
            self.input = None;
        }
        if let Some(name) = output {
            self.settings.sink = match name.is_empty() {
                true => Sink::System,
                false => Sink::Named(name),
            };
            self.output = None;
        }
        if busy {
            self.open_sound();
        }
        self.say_state();
    }

    /// The sound server may take its time: it is asked elsewhere.
    fn look_for_devices(&self, id: ClientId) {
        let (runtime, incoming) = (self.runtime.clone(), self.incoming.0.clone());
        self.runtime.spawn(async move {
            let names = runtime.unblock(device::names).await;
            let _ = incoming.send(Incoming::Names(id, names)).await;
        });
    }
}
