//! What a person chose of voice and finds again at the next start: one small file in the folder of the account.

use core::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use dialtone_protocol::ids::UserId;
use dialtone_protocol::voice::ipc::{Command, NORMAL_VOLUME};
use serde::{Deserialize, Serialize};

use crate::private;

/// The largest file that is read, in bytes: more than is ever written.
const MAX_BYTES: u64 = 64 * 1024;

/// Volumes that are kept: several full rooms. Whose was set longest ago is forgotten first.
const MAX_VOLUMES: usize = 256;

/// The longest name of a device that is kept, in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// What a person chose. Mute and deafen are not among it: who starts anew is heard and hears.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Chosen {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) threshold: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<String>,
    /// The one that was set last stands last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) volumes: Vec<Volume>,
}

/// How loud somebody is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Volume {
    user: UserId,
    percent: u16,
}

impl Chosen {
    /// Takes in what a command chooses.
    pub(super) fn note(&mut self, command: &Command) {
        match command {
            Command::Threshold { level } => self.threshold = Some(*level),
            &Command::Volume { user, percent } => {
                self.volumes.retain(|it| it.user != user);
                self.volumes.push(Volume { user, percent });
                let many = self.volumes.len().saturating_sub(MAX_VOLUMES);
                self.volumes.drain(..many);
            }
            Command::Device { input, output } => {
                choose(&mut self.input, input);
                choose(&mut self.output, output);
            }
            _ => {}
        }
    }

    /// The commands that choose this.
    pub(super) fn commands(&self) -> Vec<Command> {
        let mut all = Vec::new();
        all.extend(self.threshold.map(|level| Command::Threshold { level }));
        if self.input.is_some() || self.output.is_some() {
            let (input, output) = (self.input.clone(), self.output.clone());
            all.push(Command::Device { input, output });
        }
        let volume = |&Volume { user, percent }: &Volume| Command::Volume { user, percent };
        all.extend(self.volumes.iter().map(volume));
        all
    }

    /// What is worth a place on the disk: not what is so anyway.
    pub(super) fn lasting(&self) -> Self {
        let named = |name: &Option<String>| name.clone().filter(|it| !it.is_empty());
        let volumes = self.volumes.iter().copied();
        Self {
            threshold: self.threshold,
            input: named(&self.input),
            output: named(&self.output),
            volumes: volumes.filter(|it| it.percent != NORMAL_VOLUME).collect(),
        }
    }

    /// Reads what was kept. A file that is not there keeps nothing.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or makes no sense.
    pub(super) fn read(path: &Path) -> Result<Self, ChosenError> {
        let failed = |error: io::Error| ChosenError::Unreadable(path.to_owned(), error.to_string());
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        let mut text = Vec::new();
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut text)
            .map_err(failed)?;
        let is_bounded = u64::try_from(text.len()).is_ok_and(|it| it <= MAX_BYTES);
        let chosen: Option<Self> = match is_bounded {
            true => serde_json::from_slice(&text).ok(),
            false => None,
        };
        chosen
            .filter(Self::is_bounded)
            .ok_or_else(|| ChosenError::Damaged(path.to_owned()))
    }

    /// Writes it, whole or not at all, for the owner alone. Who calls it holds the lock of the account.
    ///
    /// # Errors
    ///
    /// When the system refuses; the file is then the old one.
    pub(super) fn write(&self, path: &Path) -> Result<(), ChosenError> {
        serde_json::to_vec_pretty(self)
            .map_err(io::Error::from)
            .and_then(|text| private::write_atomically(path, &text))
            .map_err(|error| ChosenError::Unwritten(path.to_owned(), error.to_string()))
    }

    fn is_bounded(&self) -> bool {
        let mut names = self.input.iter().chain(&self.output);
        self.volumes.len() <= MAX_VOLUMES && names.all(|it| it.len() <= MAX_NAME_BYTES)
    }
}

fn choose(name: &mut Option<String>, new: &Option<String>) {
    // No device is called so.
    if let Some(new) = new.as_ref().filter(|it| it.len() <= MAX_NAME_BYTES) {
        *name = Some(new.clone());
    }
}

/// Why what a person chose is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ChosenError {
    /// The file makes no sense.
    Damaged(PathBuf),
    /// The system does not let it be read.
    Unreadable(PathBuf, String),
    /// The system does not let it be written.
    Unwritten(PathBuf, String),
}

impl fmt::Display for ChosenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(path) => write!(
                f,
                "the settings of voice in {} are damaged, or a newer version's: nothing is read or kept there; move \
                 the file away to begin anew",
                path.display()
            ),
            Self::Unreadable(path, why) => write!(
                f,
                "the settings of voice in {} cannot be read ({why}): nothing is kept there until you can read the \
                 file",
                path.display()
            ),
            Self::Unwritten(path, why) => write!(
                f,
                "the settings of voice cannot be kept in {} ({why}): they hold until this program ends; see that the \
                 disk has room and that you may write there",
                path.display()
            ),
        }
    }
}

impl core::error::Error for ChosenError {}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn user(number: u16) -> UserId {
        let mut id = [7; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        UserId(id)
    }

    fn volume(number: u16, percent: u16) -> Command {
        let user = user(number);
        Command::Volume { user, percent }
    }

    fn after(commands: &[Command]) -> Chosen {
        let mut chosen = Chosen::default();
        for command in commands {
            chosen.note(command);
        }
        chosen
    }

    fn device(input: Option<&str>, output: Option<&str>) -> Command {
        Command::Device {
            input: input.map(str::to_owned),
            output: output.map(str::to_owned),
        }
    }

    // spec 10.14
    #[test]
    fn what_was_chosen_is_read_as_it_was_written_and_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voice.json");
        assert_eq!(Chosen::read(&path), Ok(Chosen::default()));
        let chosen = after(&[
            Command::Threshold { level: 700 },
            device(Some("mic \"one\""), None),
            device(None, Some("ears")),
            volume(1, 40),
            volume(2, 0),
        ]);
        chosen.write(&path).unwrap();
        assert_eq!(Chosen::read(&path), Ok(chosen));
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    // spec 10.14
    #[test]
    fn mute_and_what_is_so_anyway_are_not_kept() {
        let chosen = after(&[
            Command::Mute,
            Command::Deafen,
            volume(1, 40),
            volume(1, 100),
            device(Some("mic"), Some("ears")),
            device(Some(""), None),
        ]);
        let lasting = chosen.lasting();
        assert_eq!(lasting, after(&[device(None, Some("ears"))]));
        // A daemon that runs is told all the same.
        assert!(chosen.commands().contains(&volume(1, 100)));
    }

    // spec 10.14
    #[test]
    fn a_file_that_makes_no_sense_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voice.json");
        let long = format!(r#"{{"input":"{}"}}"#, "x".repeat(MAX_NAME_BYTES + 1));
        let huge = format!("{{}}{}", " ".repeat(MAX_BYTES as usize));
        for text in ["", "{", r#"{"of a newer version":1}"#, &long, &huge] {
            fs::write(&path, text).unwrap();
            let error = Chosen::read(&path).unwrap_err();
            assert_eq!(error, ChosenError::Damaged(path.clone()));
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let error = Chosen::read(&path).unwrap_err();
        assert!(matches!(error, ChosenError::Unreadable(..)), "{error}");
    }

    #[test]
    fn whose_volume_was_set_longest_ago_is_forgotten_first() {
        let many = u16::try_from(MAX_VOLUMES).unwrap();
        let mut chosen = Chosen::default();
        for number in 0..many {
            chosen.note(&volume(number, 40));
        }
        chosen.note(&volume(0, 50));
        chosen.note(&volume(many, 60));
        let all = chosen.commands();
        assert_eq!(all.len(), MAX_VOLUMES);
        assert!(all.contains(&volume(0, 50)) && !all.contains(&volume(1, 40)));
        // The longest of all is read again.
        let longest = "\u{1}".repeat(MAX_NAME_BYTES);
        chosen.note(&device(Some(&longest), Some(&longest)));
        let too_long = "x".repeat(MAX_NAME_BYTES + 1);
        chosen.note(&device(Some(&too_long), None));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voice.json");
        chosen.write(&path).unwrap();
        assert_eq!(Chosen::read(&path), Ok(chosen));
    }
}
