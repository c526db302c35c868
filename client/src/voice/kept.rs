//! What the user wants of the daemon, so that a daemon that is started again is as the one before was: above all,
//! whoever was muted is not heard because a process died.

use dialtone_protocol::ids::{ChannelId, UserId};
use dialtone_protocol::voice::ipc::Command;

use super::chosen::Chosen;

/// Commands that wait for a daemon: as many as a hand types while one starts.
const MAX_WAITING: usize = 16;

/// What the user wants.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The room to be in.
    pub(super) room: Option<ChannelId>,
    muted: Option<bool>,
    deafened: Option<bool>,
    /// What was chosen since this program began.
    chosen: Chosen,
    /// The same, and what was kept of earlier times.
    all: Chosen,
    /// What is on the disk of it.
    saved: Chosen,
    /// The command line says from which level on sound is speech.
    is_threshold_told: bool,
    /// What is to be done once a daemon is there, and only once.
    waiting: Vec<Command>,
}

impl Kept {
    /// `is_threshold_told`: the command line says from which level on sound is speech, and counts for more than what
    /// was kept of it.
    pub(super) fn new(is_threshold_told: bool) -> Self {
        Self {
            is_threshold_told,
            ..Self::default()
        }
    }

    /// Takes in what was kept of earlier times, before anything else.
    pub(super) fn recall(&mut self, earlier: Chosen) {
        self.saved = earlier.clone();
        self.all = earlier;
    }

    /// What is to be on the disk, if something else is.
    pub(super) fn unsaved(&mut self) -> Option<Chosen> {
        let lasting = self.all.lasting();
        if lasting == self.saved {
            return None;
        }
        self.saved = lasting.clone();
        Some(lasting)
    }

    /// Keeps in mind what a command changes for as long as this lives.
    pub(super) fn note(&mut self, command: &Command) {
        match command {
            Command::VoiceJoin { room } => self.room = Some(*room),
            Command::VoiceLeave { .. } => self.room = None,
            Command::Mute => self.muted = Some(true),
            Command::Unmute => self.muted = Some(false),
            Command::Deafen => self.deafened = Some(true),
            Command::Undeafen => self.deafened = Some(false),
            _ => {}
        }
        self.chosen.note(command);
        self.all.note(command);
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

    /// What a daemon is told first, in order: how it is to be comes before the room is entered. `is_own`: it was started
    /// by this program.
    pub(super) fn greeting(&mut self, user: UserId, is_own: bool) -> Vec<Command> {
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
        all.extend(self.choice(is_own).commands());
        all.extend([Command::Status, Command::Meter { on: true }]);
        all.append(&mut self.waiting);
        all.extend(self.room.map(|room| Command::VoiceJoin { room }));
        all
    }

    /// What counts of all that was chosen. A daemon of somebody else was given its microphone and its threshold by
    /// whoever started it: what was chosen of them at an earlier time is not for it.
    fn choice(&self, is_own: bool) -> Chosen {
        let mut choice = self.all.clone();
        if !is_own {
            (choice.input, choice.output) = (None, None);
        }
        if !is_own || self.is_threshold_told {
            choice.threshold = None;
        }
        let now = &self.chosen;
        choice.threshold = now.threshold.or(choice.threshold);
        choice.input = now.input.clone().or(choice.input);
        choice.output = now.output.clone().or(choice.output);
        choice
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
        kept.greeting(ME, true)
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

    // spec 10.14
    #[test]
    fn what_was_kept_counts_until_something_else_is_said() {
        let mut earlier = Chosen::default();
        let (input, output) = (Some("mic".to_owned()), None);
        let device = Command::Device { input, output };
        let (user, percent) = (BOB, 40);
        let volume = Command::Volume { user, percent };
        let threshold = |level| Command::Threshold { level };
        for command in [&threshold(700), &device, &volume] {
            earlier.note(command);
        }
        let mut kept = Kept::new(false);
        kept.recall(earlier.clone());
        let own = kept.greeting(ME, true);
        for wanted in [&threshold(700), &device, &volume] {
            assert!(at(&own, wanted).is_some(), "{wanted:?}: {own:?}");
        }
        // Somebody else's daemon has a microphone and a threshold, and none of the volumes.
        let other = kept.greeting(ME, false);
        assert!(at(&other, &volume).is_some() && at(&other, &device).is_none());
        assert!(at(&other, &threshold(700)).is_none(), "{other:?}");
        assert_eq!(kept.unsaved(), None);

        // The command line counts for more, and a choice from then on for more than that.
        let mut kept = Kept::new(true);
        kept.recall(earlier);
        assert!(at(&kept.greeting(ME, true), &threshold(700)).is_none());
        kept.note(&Command::Mute);
        assert_eq!(kept.unsaved(), None);
        kept.note(&threshold(800));
        assert!(at(&kept.greeting(ME, true), &threshold(800)).is_some());
        assert!(at(&kept.greeting(ME, false), &threshold(800)).is_some());
        let saved = kept.unsaved().unwrap();
        assert_eq!(
            (saved.threshold, saved.input),
            (Some(800), Some("mic".to_owned()))
        );
        assert_eq!(kept.unsaved(), None);
    }

    #[test]
    fn a_key_is_not_held_because_it_was_and_a_question_is_asked_once() {
        let mut kept = Kept::default();
        let action = dialtone_protocol::voice::ipc::Press::Down;
        assert!(!kept.queue(Command::Ptt { action }));
        assert!(kept.queue(Command::Devices));
        let first = kept.greeting(ME, true);
        assert!(at(&first, &Command::Ptt { action }).is_none());
        assert!(at(&first, &Command::Devices).is_some());
        assert!(at(&kept.greeting(ME, true), &Command::Devices).is_none());
        for _ in 0..MAX_WAITING * 2 {
            kept.queue(Command::Devices);
        }
        assert_eq!(kept.waiting.len(), MAX_WAITING);
        kept.give_up();
        assert!(kept.waiting.is_empty());
    }
}
