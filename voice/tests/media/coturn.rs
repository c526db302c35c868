//! A real STUN and TURN server: coturn, on the loopback.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long it may take to begin. Only a very slow machine reaches it.
const BEGINS: Duration = Duration::from_secs(60);

/// coturn, as long as this lives. `ann` logs in there by `secret`.
pub(crate) struct Coturn {
    folder: tempfile::TempDir,
    port: u16,
    tls_port: u16,
    process: Child,
}

impl Coturn {
    /// Starts it. It answers UDP and TCP at the first port, and TLS at the second.
    pub(crate) fn start([port, tls_port]: [u16; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(folder.path().join("chain.pem"), made.cert.pem()).unwrap();
        fs::write(
            folder.path().join("key.pem"),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
        let process = spawn(&folder, port, tls_port);
        let mut coturn = Self {
            folder,
            port,
            tls_port,
            process,
        };
        coturn.until_it_answers();
        coturn
    }

    /// Where it is without TLS.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Its URL for `stun`, or for `turn` over `udp`, `tcp` or `tls`.
    pub(crate) fn url(&self, by: &str) -> String {
        match by {
            "stun" => format!("stun:{}", self.address()),
            "tls" => format!("turns:127.0.0.1:{}", self.tls_port),
            _ => format!("turn:{}?transport={by}", self.address()),
        }
    }

    /// The file with the authority that its certificate is from.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("chain.pem")
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub(crate) fn go_on(&mut self) {
        self.process = spawn(&self.folder, self.port, self.tls_port);
        self.until_it_answers();
    }

    fn until_it_answers(&mut self) {
        let give_up = Instant::now() + BEGINS;
        for port in [self.port, self.tls_port] {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                let ended = self.process.try_wait().unwrap();
                let said = fs::read_to_string(self.folder.path().join("log"));
                let lives = ended.is_none() && Instant::now() < give_up;
                assert!(lives, "coturn does not answer: {said:?}");
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn spawn(folder: &tempfile::TempDir, port: u16, tls_port: u16) -> Child {
    let file = |name: &str| folder.path().join(name).display().to_string();
    Command::new("turnserver")
        .args(["-n", "--no-cli", "--no-dtls", "--no-stdout-log"])
        .args(["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1"])
        .args(["--listening-port", &port.to_string()])
        .args(["--tls-listening-port", &tls_port.to_string()])
        .args(["--cert", &file("chain.pem"), "--pkey", &file("key.pem")])
        .args([
            "--allow-loopback-peers",
            "--lt-cred-mech",
            "--realm",
            "test",
        ])
        .args(["--user", "ann:secret"])
        .args(["--pidfile", &file("pid"), "--userdb", &file("db")])
        .args(["--log-file", &file("log"), "--simple-log"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("turnserver (Debian package coturn): {error}"))
}

impl Drop for Coturn {
    fn drop(&mut self) {
        self.kill();
    }
}
