//! An entry in a community's log that no command makes yet, signed by the founder's own device.

use std::io::{Read, Write};
use std::net::TcpStream;

use dialtone_client::home::Home;
use dialtone_client::keystore_file;
use dialtone_client::secrets::Passphrase;
use dialtone_client::store::Store;
use dialtone_protocol::client::Table;
use dialtone_protocol::crypto::{DeviceSecret, Secret};
use dialtone_protocol::ids::{DeviceId, UserId};
use dialtone_protocol::session::Session;
use dialtone_protocol::sigchain::{Chain, Draft, Payload};
use dialtone_protocol::time::UnixMillis;
use dialtone_protocol::wire::chain::Append;
use minicbor::Decode;
use minicbor::bytes::ByteVec;

use crate::common::Person;

/// What the founder's record says, as far as it is needed here.
#[derive(Decode)]
#[cbor(map)]
struct Founder {
    #[cbor(n(1), with = "minicbor::bytes")]
    seed: [u8; 32],
    #[n(5)]
    user: UserId,
    #[n(6)]
    device: DeviceId,
}

#[derive(Decode)]
#[cbor(map)]
struct Remembered {
    #[n(1)]
    token: String,
}

/// A founder with what its programs keep, while none of them runs.
pub(crate) struct Authority {
    founder: Founder,
    token: String,
    server: String,
    chain: Chain,
}

impl Authority {
    pub(crate) fn of(person: &Person) -> Self {
        // The program reads what the log says by now.
        person.run(["members"]).lines();
        let home = Home::open(Some(person.home().to_owned())).unwrap();
        let account = home.choose(None).unwrap();
        let passphrase = Passphrase::new(person.password());
        let key = keystore_file::unlock(&account.keystore_file(), &passphrase).unwrap();
        let records = Store::open(&account.store_file(), key, [7; 32])
            .and_then(|store| store.load())
            .unwrap();
        let of_account = |name: &[u8]| {
            let mut records = records.iter();
            let found = records.find(|(table, key, _)| *table == Table::Account && key == name);
            found.unwrap().2.clone()
        };
        let founder: Founder = minicbor::decode(&of_account(b"a")).unwrap();
        let remembered: Remembered = minicbor::decode(&of_account(Session::record_key())).unwrap();
        let mut chain = Chain::new();
        for (table, _, entry) in &records {
            if *table == Table::Chain {
                chain.append(entry).unwrap();
            }
        }
        Self {
            founder,
            token: remembered.token,
            server: account.server().to_string(),
            chain,
        }
    }

    /// The other users of the log.
    pub(crate) fn others(&self) -> Vec<UserId> {
        let users = self.chain.users().map(|(id, _)| id);
        users.filter(|id| *id != self.founder.user).collect()
    }

    /// Puts an entry into the log.
    pub(crate) fn append(&mut self, payload: Payload) {
        let secret = DeviceSecret::from_seed(Secret::from_bytes(self.founder.seed));
        let time = UnixMillis(0);
        let entry = Draft::new(&self.chain, self.founder.device, time, payload).sign(&secret);
        let append = Append {
            expected: self.chain.head(),
            entries: vec![ByteVec::from(entry.bytes().to_vec())],
            ..Append::default()
        };
        self.post(&minicbor::to_vec(&append).unwrap());
        self.chain.append(entry.bytes()).unwrap();
    }

    fn post(&self, body: &[u8]) {
        let address = self.server.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address.trim_end_matches('/')).unwrap();
        write!(
            stream,
            "POST /sigchain HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: \
             application/cbor\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.token,
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}
