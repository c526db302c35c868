//! What a typed command means, as far as its text alone tells.

use std::fmt;

use dialtone_protocol::voice::ipc::{MAX_LEVEL, MAX_VOLUME};

use crate::tui::reference::syntax_of;

/// A command. Names in it are as they were typed: they may fit nothing, or more than one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Takes a member into the open private channel.
    Add(String),
    /// Makes a channel.
    Create {
        /// Its name.
        name: String,
        /// Whether only those who were taken in may read it.
        private: bool,
        /// Whether a newcomer reads only what is written from then on.
        from_now: bool,
    },
    /// Deletes a channel.
    Delete(String),
    /// Shows the help.
    Help,
    /// Makes an invite link.
    Invite,
    /// Lists the open invites.
    Invites,
    /// Goes to a channel.
    Join(String),
    /// Lists the channels.
    List,
    /// Lists the members.
    Members,
    /// Leaves the program.
    Quit,
    /// Renames a channel: its name and the new one, still in one.
    Rename(String),
    /// Ends an open invite.
    Revoke(String),
    /// Something about voice.
    Voice(VoiceCommand),
    /// Lets somebody in who waits.
    Vouch(String),
}

/// A command about voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VoiceCommand {
    /// Enters the room of a channel; of the open one, if none is named.
    Join(Option<String>),
    /// Leaves the room.
    Leave,
    /// Sends nothing, or sends again.
    Mute(bool),
    /// Hears nothing, or hears again.
    Deafen(bool),
    /// How loud somebody is here: a name, and percent.
    Volume(String, u16),
    /// Lists the devices for sound.
    Devices,
    /// Chooses one: whether it is the microphone, and its name.
    Device(bool, String),
    /// Tries the microphone out, or ends that.
    Test,
    /// From which level on sound counts as speech.
    Threshold(u32),
}

/// A text that starts with a slash and is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CommandError {
    /// There is no such command.
    Unknown(String),
    /// The command needs more than was typed.
    Usage(&'static str),
    /// A number is too large, too small, or none: how the command is typed, and what fits.
    Range(&'static str, String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(f, "there is no command {word}: f1 shows all of them"),
            Self::Usage(syntax) => write!(f, "type it as {syntax}"),
            Self::Range(syntax, fits) => write!(f, "type it as {syntax}: {fits}"),
        }
    }
}

/// What a draft is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Draft {
    /// A command.
    Command(Command),
    /// A text to send.
    Text(String),
}

/// Tells a command from a text. A text that starts with two slashes is one that starts with one.
///
/// # Errors
///
/// When the draft starts with a slash and is no command.
pub(crate) fn parse(draft: &str) -> Result<Draft, CommandError> {
    let Some(typed) = draft.strip_prefix('/') else {
        return Ok(Draft::Text(draft.to_owned()));
    };
    if typed.starts_with('/') {
        return Ok(Draft::Text(typed.to_owned()));
    }
    command(draft.trim()).map(Draft::Command)
}

fn command(text: &str) -> Result<Command, CommandError> {
    let (word, rest) = split_word(text);
    match word {
        "/help" => Ok(Command::Help),
        "/join" | "/j" => named(rest, "/join").map(Command::Join),
        "/list" | "/ls" => Ok(Command::List),
        "/members" => Ok(Command::Members),
        "/vouch" => named(rest, "/vouch").map(Command::Vouch),
        "/quit" | "/q" => Ok(Command::Quit),
        "/voice" if matches!(rest, "" | "help") => Ok(Command::Help),
        "/voice" => voice_command(rest).map(Command::Voice),
        "/server" => server_command(rest),
        "/channel" => channel_command(rest),
        _ => Err(CommandError::Unknown(word.to_owned())),
    }
}

fn channel_command(text: &str) -> Result<Command, CommandError> {
    let (word, rest) = split_word(text);
    match word {
        "" | "help" => Ok(Command::Help),
        "list" => Ok(Command::List),
        "add" => named(rest, "/channel add").map(Command::Add),
        "create" => create(rest),
        "delete" => named(rest, "/channel delete").map(Command::Delete),
        "rename" if rest.contains(' ') => Ok(Command::Rename(rest.to_owned())),
        "rename" => Err(usage("/channel rename")),
        _ => Err(CommandError::Unknown(format!("/channel {word}"))),
    }
}

fn voice_command(text: &str) -> Result<VoiceCommand, CommandError> {
    let (word, rest) = split_word(text);
    let channel = || Some(bare(rest)).filter(|it| !it.is_empty());
    match word {
        "join" => Ok(VoiceCommand::Join(channel().map(str::to_owned))),
        "leave" => Ok(VoiceCommand::Leave),
        "mute" => Ok(VoiceCommand::Mute(true)),
        "unmute" => Ok(VoiceCommand::Mute(false)),
        "deafen" => Ok(VoiceCommand::Deafen(true)),
        "undeafen" => Ok(VoiceCommand::Deafen(false)),
        "devices" => Ok(VoiceCommand::Devices),
        "test" => Ok(VoiceCommand::Test),
        "volume" => {
            let percent = |text: &str| text.trim_end_matches('%').parse().ok();
            rest.rsplit_once(char::is_whitespace)
                .and_then(|(name, loud)| Some((bare(name).to_owned(), percent(loud)?)))
                .filter(|(_, percent)| *percent <= MAX_VOLUME)
                .map(|(name, percent)| VoiceCommand::Volume(name, percent))
                .ok_or_else(|| range("/voice volume", format!("PERCENT is 0 to {MAX_VOLUME}")))
        }
        "device" => match split_word(rest) {
            ("in", name) => Ok(VoiceCommand::Device(true, name.to_owned())),
            ("out", name) => Ok(VoiceCommand::Device(false, name.to_owned())),
            _ => Err(usage("/voice device")),
        },
        "threshold" => {
            let level = rest.parse().ok().filter(|it| (1..=MAX_LEVEL).contains(it));
            level
                .map(VoiceCommand::Threshold)
                .ok_or_else(|| range("/voice threshold", format!("LEVEL is 1 to {MAX_LEVEL}")))
        }
        _ => Err(CommandError::Unknown(format!("/voice {word}"))),
    }
}

fn server_command(text: &str) -> Result<Command, CommandError> {
    let (word, rest) = split_word(text);
    match word {
        "" | "invite" if rest.is_empty() => Ok(Command::Invite),
        "invites" if rest.is_empty() => Ok(Command::Invites),
        "invite" | "invites" => Err(usage("/server invite")),
        "revoke" => named(rest, "/server revoke").map(Command::Revoke),
        _ => Err(CommandError::Unknown(format!("/server {word}"))),
    }
}

fn create(text: &str) -> Result<Command, CommandError> {
    let (mut private, mut from_now) = (false, false);
    let mut rest = text;
    loop {
        let (word, after) = split_word(rest);
        match word {
            "--private" => private = true,
            "--from-now" => from_now = true,
            _ => break,
        }
        rest = after;
    }
    if rest.starts_with("--") {
        return Err(usage("/channel create"));
    }
    Ok(Command::Create {
        name: named(rest, "/channel create")?,
        private,
        from_now,
    })
}

/// The name that a command needs, without the mark of a channel or quotes.
fn named(text: &str, command: &str) -> Result<String, CommandError> {
    let name = bare(text);
    if name.is_empty() {
        Err(usage(command))
    } else {
        Ok(name.to_owned())
    }
}

/// A name without the `#` or the quotes that people type around it.
#[must_use]
pub(crate) fn bare(name: &str) -> &str {
    let name = name.trim();
    let unquoted = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    let name = unquoted.unwrap_or(name).trim();
    name.strip_prefix('#').unwrap_or(name)
}

fn split_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace)
        .map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

fn usage(start: &str) -> CommandError {
    CommandError::Usage(syntax_of(start).unwrap_or("/help"))
}

fn range(start: &str, fits: String) -> CommandError {
    CommandError::Range(syntax_of(start).unwrap_or("/help"), fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Command {
        match parse(text) {
            Ok(Draft::Command(command)) => command,
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn every_command_of_the_help_is_known() {
        for help in crate::tui::reference::COMMANDS {
            if help.syntax.starts_with("//") {
                continue;
            }
            let typed = help.syntax.replace(['[', ']'], "");
            let typed = typed.replace("PERCENT", "80").replace("LEVEL", "500");
            let typed = typed.replace("in|out", "in");
            assert!(matches!(parse(&typed), Ok(Draft::Command(_))), "{typed}");
        }
    }

    #[test]
    fn names_may_have_spaces_quotes_and_a_mark() {
        assert_eq!(
            command("/j  #big plans "),
            Command::Join("big plans".to_owned())
        );
        assert_eq!(
            command("/vouch \"ann b\""),
            Command::Vouch("ann b".to_owned())
        );
    }

    #[test]
    fn a_channel_is_made_with_what_was_asked_for() {
        let made = Command::Create {
            name: "staff room".to_owned(),
            private: true,
            from_now: false,
        };
        assert_eq!(command("/channel create --private #staff room"), made);
        assert_eq!(
            parse("/channel create --secret x"),
            Err(usage("/channel create"))
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        let error = parse("/join").unwrap_err();
        assert_eq!(error.to_string(), "type it as /join CHANNEL");
        let error = parse("/nope now").unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no command /nope: f1 shows all of them"
        );
        assert!(parse("/channel rename one").is_err());
        let error = parse("/voice volume bob 201").unwrap_err();
        assert_eq!(
            error.to_string(),
            "type it as /voice volume NAME PERCENT: PERCENT is 0 to 200"
        );
        let error = parse("/voice threshold loud").unwrap_err();
        assert_eq!(
            error.to_string(),
            "type it as /voice threshold LEVEL: LEVEL is 1 to 32767"
        );
        assert_eq!(command("/voice"), Command::Help);
    }

    #[test]
    fn two_slashes_send_one() {
        assert_eq!(parse("//bin"), Ok(Draft::Text("/bin".to_owned())));
        assert_eq!(parse(" /x"), Ok(Draft::Text(" /x".to_owned())));
    }
}
