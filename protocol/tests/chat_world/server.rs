//! An honest server of one channel, without a network.

use dialtone_protocol::chat::{Page, Part, Received, Refusal};
use dialtone_protocol::crypto::{message, transcript};
use dialtone_protocol::ids::{ClientId, DeviceId, MessageId, Seq, Transcript};
use dialtone_protocol::wire::base64;

use super::{SharedLog, UNIX};

pub struct Server {
    pub log: SharedLog,
    pub stored: Vec<Received>,
    transcripts: Vec<Transcript>,
}

impl Server {
    pub fn new(log: &SharedLog) -> Self {
        Self {
            log: log.clone(),
            stored: Vec::new(),
            transcripts: vec![Transcript::default()],
        }
    }

    pub fn last_seq(&self) -> Seq {
        Seq(self.stored.len() as u64)
    }

    pub fn transcript(&self, seq: Seq) -> Transcript {
        self.transcripts[seq.0 as usize]
    }

    /// Takes a message as a hub does. The same client id gives the same message.
    pub fn send(
        &mut self,
        device: DeviceId,
        client_id: ClientId,
        body: &str,
    ) -> Result<(Received, bool), Refusal> {
        let twin = self
            .stored
            .iter()
            .find(|m| (m.device, m.client_id) == (device, client_id));
        if let Some(twin) = twin {
            return Ok((twin.clone(), false));
        }
        let bytes = base64::decode(body).ok_or(Refusal::Malformed)?;
        let header = message::peek(&bytes).map_err(|_| Refusal::Malformed)?;
        if header.epoch != self.log.borrow().epoch() {
            return Err(Refusal::StaleEpoch);
        }
        Ok((self.store(device, client_id, bytes), true))
    }

    /// Numbers whatever it is given, as a server may that checks nothing.
    pub fn store(&mut self, device: DeviceId, client_id: ClientId, bytes: Vec<u8>) -> Received {
        let seq = self.last_seq().next();
        let before = self.transcript(self.last_seq());
        self.transcripts
            .push(transcript::next(before, device, client_id, &bytes));
        let message = Received {
            seq,
            message_id: MessageId([seq.0 as u8; 16]),
            device,
            client_id,
            body: base64::encode(&bytes),
            sent_at: UNIX,
        };
        self.stored.push(message.clone());
        message
    }

    pub fn page(&self, part: Part, limit: u32) -> Page {
        let limit = limit as usize;
        let length = self.stored.len();
        let (from, to) = match part {
            Part::Newest => (length.saturating_sub(limit), length),
            Part::After(seq) => {
                let from = (seq.0 as usize).min(length);
                (from, (from + limit).min(length))
            }
            Part::Before(seq) => {
                let to = (seq.0 as usize).saturating_sub(1).min(length);
                (to.saturating_sub(limit), to)
            }
            _ => panic!("an unknown part"),
        };
        Page {
            transcript: self.transcripts[from],
            last_seq: self.last_seq(),
            messages: self.stored[from..to].to_vec(),
        }
    }
}
