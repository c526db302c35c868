//! Who signs and checks: texts in place of signatures, bound to the same things.

use std::hash::{DefaultHasher, Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dialtone_protocol::ids::{DeviceId, UserId};
use dialtone_protocol::voice::ask::{Answer, Between, Question, Refusal};
use dialtone_protocol::wire::sensitive::Sensitive;

/// One device's.
pub(crate) struct Desk {
    pub(crate) user: UserId,
    pub(crate) device: DeviceId,
    /// How often it entered.
    pub(crate) entered: u64,
}

impl Desk {
    pub(crate) fn answer(&mut self, question: &Question) -> Answer {
        match question {
            Question::Token => Answer::Token {
                token: Sensitive::new(self.device.to_string()),
            },
            Question::Enter { room } => {
                self.entered += 1;
                Answer::Entered {
                    user: self.user,
                    device: self.device,
                    proof: STANDARD.encode(format!("join {room} {} {}", self.device, self.entered)),
                }
            }
            Question::Admit { room, peer } => {
                let wanted = format!("join {room} {} ", peer.device);
                match &peer.proof {
                    Some(proof) if read(proof).starts_with(&wanted) => {
                        Answer::Admitted { verified: true }
                    }
                    Some(_) => refused(Refusal::Forged),
                    None => Answer::Admitted { verified: false },
                }
            }
            Question::SignOffer {
                between,
                generation,
                sdp,
            } => Answer::Signed {
                proof: offer(*generation, &leg(between, true), sdp),
            },
            Question::CheckOffer {
                between,
                offer: said,
            } => {
                let proof = read(&said.proof);
                let generation = proof.split(' ').nth(1).unwrap_or_default();
                let generation = generation.parse().unwrap_or_default();
                match said.proof == offer(generation, &leg(between, false), &said.sdp) {
                    true => Answer::Offered { generation },
                    false => refused(Refusal::Forged),
                }
            }
            Question::SignAnswer {
                between,
                offer,
                sdp,
            } => Answer::Signed {
                proof: sum(&(leg(between, false), &offer.proof, sdp)),
            },
            Question::CheckAnswer {
                between,
                offer,
                answer,
            } => {
                let leg = leg(between, true);
                match answer.proof == sum(&(leg, &offer.proof, &answer.sdp)) {
                    true => Answer::Good,
                    false => refused(Refusal::Forged),
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn leg(between: &Between, own: bool) -> String {
    let peer = between.peer.proof.as_ref().unwrap();
    match own {
        true => format!("[{} > {peer}]", between.own),
        false => format!("[{peer} > {}]", between.own),
    }
}

fn refused(reason: Refusal) -> Answer {
    Answer::Refused { reason }
}

fn offer(generation: u32, leg: &str, sdp: &str) -> String {
    STANDARD.encode(format!("offer {generation} {}", sum(&(leg, sdp))))
}

fn read(proof: &str) -> String {
    String::from_utf8(STANDARD.decode(proof).unwrap()).unwrap()
}

/// Sixteen hexadecimal digits, which are base64 too.
fn sum(what: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
