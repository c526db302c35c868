//! What the user wants of the daemon, so that a daemon that is started again is as the one before was: above all,
//! whoever was muted is not heard because a process died.

use std::collections::BTreeMap;

use dialtone_protocol::ids::{ChannelId, UserId};
use dialtone_protocol::limits::MAX_ROOM_MEMBERS;
use dialtone_protocol::voice::ipc::Command;

/// Commands that wait for a daemon: as many as a hand types while one starts.
const MAX_WAITING: usize = 16;

/// What the user wants.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The room to be in.
    pub(super) room: Option<ChannelId>,
    muted: Option<bool>,
    deafened: Option<bool>,
    threshold: Option<u32>,
    input: Option<String>,
    output: Option<String>,
    volumes: BTreeMap<UserId, u16>,
    /// What is to be done once a daemon is there, and only once.
    waiting: Vec<Command>,
}

impl Kept {
    /// Keeps in mind what a command changes for as long as this lives.
    pub(super) fn note(&mut self, command: &Command) {
        match command {
            Command::VoiceJoin { room } => self.room = Some(*room),
            Command::VoiceLeave { .. } => self.room = None,
            Command::Mute => self.muted = Some(true),
            Command::Unmute => self.muted = Some(false),
            Command::Deafen => self.deafened = Some(true),
            Command::Undeafen => self.deafened = Some(false),
            Command::Threshold { level } => self.threshold = Some(*level),
            Command::Volume { user, percent }
                if self.volumes.len() < MAX_ROOM_MEMBERS || self.volumes.contains_key(user) =>
            {
                self.volumes.insert(*user, *percent);
            }
            Command::Device { input, output } => {
                self.input = input.clone().or_else(|| self.input.take());
                self.output = output.clone().or_else(|| self.output.take());
            }
            _ => {}
        }
    }

    /// Keeps a command for a daemon that is not there. Answers whether it is worth starting one.
    ///
    /// A key that is pressed now is not one that is held when the daemon comes, so it is not kept.
    pub(super) fn queue(&mut self, command: Command) -> bool {
        self.note(&command);
        match command {
            Command::Ptt { .. } | Command::VoiceLeave { .. } | Command::VoiceRevoke { .. } => false,
            Command::Devices | Command::Test { .. } | Command::Ping => {
                if self.waiting.len() < MAX_WAITING {
                    self.waiting.push(command);
                }
                true
            }
            _ => true,
        }
    }

    /// What waited for a daemon that cannot be had is given up.
    pub(super) fn give_up(&mut self) {
        self.waiting.clear();
    }

    /// What a daemon is told first, in order: how it is to be comes before the room is entered.
    pub(super) fn greeting(&mut self, user: UserId) -> Vec<Command> {
        let answers = true;
        let mut all = vec![Command::Identify { user, answers }];
        all.extend(self.muted.map(|it| match it {
            true => Command::Mute,
            false => Command::Unmute,
        }));
        all.extend(self.deafened.map(|it| match it {
            true => Command::Deafen,
            false => Command::Undeafen,
        }));
        all.extend(self.threshold.map(|level| Command::Threshold { level }));
        if self.input.is_some() || self.output.is_some() {
            let (input, output) = (self.input.clone(), self.output.clone());
            all.push(Command::Device { input, output });
        }
        let volumes = self.volumes.iter();
        all.extend(volumes.map(|(&user, &percent)| Command::Volume { user, percent }));
        all.extend([Command::Status, Command::Meter { on: true }]);
        all.append(&mut self.waiting);
        all.extend(self.room.map(|room| Command::VoiceJoin { room }));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: UserId = UserId([1; 16]);
    const BOB: UserId = UserId([2; 16]);
    const ROOM: ChannelId = ChannelId([3; 16]);

    fn after(commands: &[Command]) -> Vec<Command> {
        let mut kept = Kept::default();
        for command in commands {
            kept.note(command);
        }
        kept.greeting(ME)
    }

    fn at(all: &[Command], wanted: &Command) -> Option<usize> {
        all.iter().position(|it| it == wanted)
    }

    #[test]
    fn who_was_muted_is_muted_before_the_room_is_entered_again() {
        let room = ROOM;
        let all = after(&[Command::VoiceJoin { room }, Command::Deafen, Command::Mute]);
        let joined = at(&all, &Command::VoiceJoin { room });
        assert!(joined.is_some());
        assert!(at(&all, &Command::Mute) < joined && at(&all, &Command::Mute).is_some());
        assert!(at(&all, &Command::Deafen) < joined && at(&all, &Command::Deafen).is_some());
    }

    #[test]
    fn the_last_word_counts_and_what_was_never_said_is_left_alone() {
        let all = after(&[Command::Mute, Command::Unmute]);
        assert!(at(&all, &Command::Mute).is_none() && at(&all, &Command::Unmute).is_some());
        assert_eq!(
            after(&[]),
            [
                Command::Identify {
                    user: ME,
                    answers: true
                },
                Command::Status,
                Command::Meter { on: true },
            ]
        );
    }

    #[test]
    fn volumes_devices_and_the_threshold_come_back() {
        let device = |input: Option<&str>, output: Option<&str>| Command::Device {
            input: input.map(str::to_owned),
            output: output.map(str::to_owned),
        };
        let (user, percent) = (BOB, 40);
        let all = after(&[
            device(Some("mic"), None),
            device(None, Some("ears")),
            Command::Volume { user, percent },
            Command::Threshold { level: 700 },
        ]);
        for wanted in [
            device(Some("mic"), Some("ears")),
            Command::Volume { user, percent },
            Command::Threshold { level: 700 },
        ] {
            assert!(at(&all, &wanted).is_some(), "{wanted:?}: {all:?}");
        }
    }

    #[test]
    fn a_key_is_not_held_because_it_was_and_a_question_is_asked_once() {
        let mut kept = Kept::default();
        let action = dialtone_protocol::voice::ipc::Press::Down;
        assert!(!kept.queue(Command::Ptt { action }));
        assert!(kept.queue(Command::Devices));
        let first = kept.greeting(ME);
        assert!(at(&first, &Command::Ptt { action }).is_none());
        assert!(at(&first, &Command::Devices).is_some());
        assert!(at(&kept.greeting(ME), &Command::Devices).is_none());
        for _ in 0..MAX_WAITING * 2 {
            kept.queue(Command::Devices);
        }
        assert_eq!(kept.waiting.len(), MAX_WAITING);
        kept.give_up();
        assert!(kept.waiting.is_empty());
    }
}
