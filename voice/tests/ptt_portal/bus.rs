//! A session bus of the test's own.

use std::process::Command;

use dialtone_voice::ptt::Environment;
use tempfile::TempDir;
use zbus::{Connection, connection};

use crate::program::Program;

/// The portal's name on it.
pub(crate) const PORTAL: &str = "org.freedesktop.portal.Desktop";

/// Who is free to talk to whom, and what the bus can start: nothing, unless the test puts it there.
const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=DIRECTORY</listen>
  <servicedir>DIRECTORY</servicedir>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>"#;

/// A session bus.
pub(crate) struct Bus {
    pub(crate) program: Program,
    pub(crate) address: String,
    _directory: TempDir,
}

impl Bus {
    pub(crate) fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts a bus that can start a portal by this command.
    pub(crate) fn start_with(portal: Option<&str>) -> Self {
        let directory = TempDir::new().unwrap();
        let configuration = directory.path().join("bus.conf");
        let text = CONFIGURATION.replace("DIRECTORY", directory.path().to_str().unwrap());
        std::fs::write(&configuration, text).unwrap();
        if let Some(command) = portal {
            let service = directory.path().join("portal.service");
            let text = format!("[D-BUS Service]\nName={PORTAL}\nExec={command}\n");
            std::fs::write(service, text).unwrap();
        }
        let (program, address) = Program::start(
            "dbus-daemon",
            Command::new("dbus-daemon")
                .args(["--nofork", "--print-address=1", "--config-file"])
                .arg(&configuration),
        );
        Self {
            program,
            address,
            _directory: directory,
        }
    }

    /// Surroundings in which this is the session's bus, and nothing else is there.
    pub(crate) fn environment(&self) -> Environment {
        Environment {
            bus: Some(self.address.clone()),
            ..Environment::default()
        }
    }

    pub(crate) async fn connect(&self) -> Connection {
        let builder = connection::Builder::address(self.address.as_str()).unwrap();
        builder.build().await.unwrap()
    }
}
