//! The key to talk: has it watched, and tells the loop what becomes of it.

use core::fmt::Display;

use async_channel::Sender;
use dialtone_protocol::voice::ipc::Gate;

use super::Incoming;
use crate::ptt::{self, Binding, Choice, Environment, Event};

/// What happens to the key.
pub(super) enum Key {
    /// Who watches it now, or why nobody does.
    Gate(Gate),
    /// It is held, or not any more.
    Held(bool),
}

/// How it is decided when to send until somebody watches the key: the desktop may ask a person first.
pub(super) fn asked(binding: Binding) -> Gate {
    Gate::Ptt {
        key: format!("{binding} (not watched yet)"),
    }
}

/// Has a key watched until nobody can any more, and says what happens to it. Whatever fails, nothing is sent by it.
pub(super) async fn watch(binding: Binding, choice: Choice, tell: Sender<Incoming>) {
    let say = async |key| tell.send(Incoming::Key(key)).await.is_ok();
    let watch = match ptt::start(binding, choice, &Environment::of_process()).await {
        Ok(watch) => watch,
        Err(error) => {
            say(Key::Gate(failed(&error))).await;
            return;
        }
    };
    let key = watch.key().to_owned();
    say(Key::Gate(Gate::Ptt { key })).await;
    loop {
        let goes_on = match watch.events().recv().await {
            Ok(Event::Down) => say(Key::Held(true)).await,
            Ok(Event::Up) => say(Key::Held(false)).await,
            Ok(Event::Ended(why)) => {
                say(Key::Gate(failed(&why))).await;
                false
            }
            Err(_) => {
                say(Key::Gate(failed(&"who watched the key broke down"))).await;
                false
            }
        };
        if !goes_on {
            return;
        }
    }
}

fn failed(why: &dyn Display) -> Gate {
    Gate::PttFailed {
        why: format!(
            "{why}: nothing is sent but by `dialtone ptt down`, `up` or `toggle`, which the desktop can bind to a key"
        ),
    }
}
