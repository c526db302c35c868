//! The screen of dialtone, with tui-realm.
//!
//! An Elm loop: a key or a piece of news becomes a [`msg::Msg`], [`model::Model::update`] changes the model and
//! answers [`msg::Effect`]s, and the model is drawn anew. The model does no I/O, so that every screen and every
//! behaviour is tested as text.
//!
//! ```text
//!  terminal ──keys──▶ components ──Msg──▶ Model ──Effect──▶ Request ──▶ account task
//!     ▲                                   │  ▲                             │
//!     └──────────── pictures ◀────────────┘  └────────── Update ◀──────────┘
//! ```
//!
//! - `welcome/`, `chat/`: a folder a screen: its state, what keys and news change in it, how it is drawn.
//! - `components/`: what tui-realm mounts: keys to messages, pictures to the terminal.
//! - `port.rs`: the seam to the account; `snapshot.rs`: what comes over it, cleaned of what others may not send.
//! - `input.rs`, `talk_key.rs`: the keys of the terminal, and the one that is held to talk.
//! - `text/`: cleaning, measuring and wrapping. `reference.rs`: the one table of commands and keys.

mod account;
pub mod chat;
pub mod components;
pub mod editor;
mod input;
pub mod model;
pub mod msg;
pub mod picture;
pub mod port;
pub mod reference;
#[cfg(test)]
mod screens;
pub mod snapshot;
pub mod stage;
mod talk_key;
mod terminal;
#[cfg(test)]
mod testing;
pub mod text;
pub mod theme;
pub mod voice;
pub mod welcome;

use std::pin::pin;

use dialtone_protocol::runtime::Runtime;
use futures_util::future::{Either, select};

use crate::account::Options;
use crate::cli::Shared;
use crate::exit::{Exit, Failure};
use crate::home::Home;
use crate::voice::VoiceOptions;
use account::Task;
use input::{Talking, tells_of_releases};
use welcome::Welcome;

/// What the screen starts with.
#[derive(Debug)]
pub struct Start {
    /// Where the accounts are.
    pub home: Home,
    /// The account that was named on the command line.
    pub account: Option<String>,
    /// The invite link that was given on the command line.
    pub link: Option<String>,
    /// How servers are reached.
    pub options: Options,
    /// What all commands share.
    pub shared: Shared,
    /// How voice is set up.
    pub voice: VoiceOptions,
}

/// Shows the screen until the user leaves. It takes a thread of its own for the terminal.
///
/// # Errors
///
/// When the home cannot be read or the terminal cannot be used.
pub async fn run<R: Runtime>(runtime: R, start: Start) -> Result<(), Failure> {
    let accounts = account::accounts(&start.home, start.account.as_deref())?;
    let welcome = Welcome::new(accounts, start.link.as_deref());
    let options = start.voice.clone();
    let settle = move || Talking::settle(&options, tells_of_releases);
    let talking = runtime.unblock(settle).await;
    let talking = talking.map_err(|error| Failure::new(Exit::Usage, error))?;
    let key = talking.key;
    let (ask, requests) = async_channel::unbounded();
    let (tell, updates) = async_channel::unbounded();
    let task = Task {
        runtime: runtime.clone(),
        home: start.home.clone(),
        options: start.options,
        voice: account::Setup {
            home: start.home,
            shared: start.shared,
            options: start.voice,
            talking,
        },
        requests,
        updates: tell,
    };
    let screen = runtime.unblock(move || terminal::run(welcome, key, ask, updates));
    let shown = match select(pin!(screen), pin!(task.run())).await {
        // Whoever leaves at once does not wait for the account: it goes on the next time.
        Either::Left((shown, _)) => shown,
        Either::Right(((), screen)) => screen.await,
    };
    shown.map_err(|error| Failure::new(Exit::Failed, error))
}
