//! The tests that every store passes: named cases, and long scripts of operations whose answers are compared with
//! those of [`MemoryStore`](super::memory::MemoryStore).

mod accounts;
mod log;
mod messages;
mod script;

use alloc::vec::Vec;

use super::store::{Answer, NewDevice, NewSession, Op, StoreError};
use crate::ids::{DeviceId, SessionId, UserId};
use crate::time::UnixMillis;

pub use script::{normal, script};

/// What carries out operations.
type Apply<'a> = &'a mut dyn FnMut(Op) -> Result<Answer, StoreError>;

/// One case: its name, and what it does with an empty store. It panics when the store is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its name.
    pub name: &'static str,
    /// Runs it.
    pub run: fn(Apply<'_>),
}

/// Every case.
#[must_use]
pub fn cases() -> Vec<Case> {
    [accounts::CASES, messages::CASES, log::CASES].concat()
}

fn user(number: u8) -> UserId {
    UserId([number; 16])
}

fn device(number: u8) -> DeviceId {
    DeviceId([number; 16])
}

fn new_device(number: u8) -> NewDevice {
    NewDevice {
        id: device(number),
        public_key: [number; 32],
        signing_key: Some([number; 32]),
        created_at: UnixMillis(1000),
    }
}

fn new_session(number: u8, created_at: u64, expires_at: u64) -> NewSession {
    NewSession {
        id: SessionId([number; 16]),
        token_hash: [number; 32],
        created_at: UnixMillis(created_at),
        expires_at: UnixMillis(expires_at),
    }
}

/// Registers user, device and session of one number, with an invite of the same.
fn register(apply: Apply<'_>, number: u8) -> Result<Answer, StoreError> {
    apply(Op::CreateInvite {
        token_hash: [number; 32],
        created_at: UnixMillis(1000),
        expires_at: UnixMillis(2000),
    })?;
    apply(registration(number))
}

fn registration(number: u8) -> Op {
    Op::Register {
        invite: [number; 32],
        now: UnixMillis(1500),
        user: user(number),
        username_hash: [number; 32],
        password_hash: "hash".into(),
        device: new_device(number),
        session: new_session(number, 1500, 9000),
    }
}
