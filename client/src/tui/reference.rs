//! Every command and key, in one table: the help screen, `/help` and the notes on wrong commands are made of it.

/// A command that is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandHelp {
    /// How it is typed.
    pub syntax: &'static str,
    /// What it does.
    pub does: &'static str,
    /// Whether only an admin may use it.
    pub admin: bool,
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHelp {
    /// The key or keys.
    pub keys: &'static str,
    /// What it does.
    pub does: &'static str,
}

/// The commands of the chat.
pub const COMMANDS: &[CommandHelp] = &[
    open("/help", "show all commands and keys"),
    open("/join CHANNEL", "go to a channel (also /j)"),
    open("/list", "list the channels (also /ls, /channel list)"),
    admin(
        "/channel create NAME",
        "make a channel; before NAME: --private for members taken in, --from-now to hide the past from newcomers",
    ),
    admin(
        "/channel rename CHANNEL NAME",
        "give a channel another name",
    ),
    admin(
        "/channel delete CHANNEL",
        "delete a channel, after a question",
    ),
    open(
        "/channel add NAME",
        "take a member into this private channel",
    ),
    open("/members", "list the members and who waits"),
    admin("/vouch NAME", "let somebody in who waits"),
    admin("/server invite", "make an invite link"),
    admin("/server invites", "list the open invites"),
    admin("/server revoke INVITE", "end an invite, by its link or id"),
    open(
        "/voice join [CHANNEL]",
        "talk in a channel's room; /voice leave ends that",
    ),
    open("/voice leave", "leave the room"),
    open("/voice mute", "send nothing; /voice unmute sends again"),
    open("/voice unmute", "send again"),
    open(
        "/voice deafen",
        "hear and send nothing; /voice undeafen ends that",
    ),
    open("/voice undeafen", "hear again"),
    open(
        "/voice volume NAME PERCENT",
        "how loud somebody is here, 0 to 200",
    ),
    open("/voice devices", "list microphones and loudspeakers"),
    open(
        "/voice device in|out NAME",
        "choose one; without NAME the system's",
    ),
    open(
        "/voice test",
        "hear your own microphone, outside of rooms, and say how loud counts as speech",
    ),
    open(
        "/voice threshold LEVEL",
        "how loud counts as speech, 1 to 32767",
    ),
    open("/quit", "leave (also /q)"),
    open("//TEXT", "send a text that starts with a slash"),
];

/// The keys of the chat.
pub const KEYS: &[KeyHelp] = &[
    key("enter", "send; on an empty line go to the marked channel"),
    key("alt+enter, ctrl+j", "new line"),
    key("ctrl+up, ctrl+down", "mark a channel"),
    key("pgup, pgdn", "scroll"),
    key(
        "end, ctrl+end",
        "back to the newest message (end: on an empty line)",
    ),
    key("ctrl+l", "show or hide channels and members"),
    key("ctrl+left, ctrl+right", "go by words"),
    key(
        "ctrl+u, ctrl+k, ctrl+w",
        "delete to the start, to the end, a word",
    ),
    key("ctrl+y", "copy the newest invite link"),
    key("f1", "this help"),
    key("esc", "close, or dismiss a note"),
    key("ctrl+q, twice ctrl+c", "leave"),
];

/// How a command is typed, for a note on one that was typed wrongly. `start` is how it begins, as in `/channel add`.
#[must_use]
pub fn syntax_of(start: &str) -> Option<&'static str> {
    COMMANDS
        .iter()
        .map(|command| command.syntax)
        .find(|syntax| {
            syntax
                .strip_prefix(start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        })
}

const fn open(syntax: &'static str, does: &'static str) -> CommandHelp {
    CommandHelp {
        syntax,
        does,
        admin: false,
    }
}

const fn admin(syntax: &'static str, does: &'static str) -> CommandHelp {
    CommandHelp {
        syntax,
        does,
        admin: true,
    }
}

const fn key(keys: &'static str, does: &'static str) -> KeyHelp {
    KeyHelp { keys, does }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_syntax_of_a_command_is_found_by_its_start() {
        assert_eq!(syntax_of("/vouch"), Some("/vouch NAME"));
        assert_eq!(syntax_of("/channel add"), Some("/channel add NAME"));
        assert_eq!(syntax_of("/v"), None);
    }
}
