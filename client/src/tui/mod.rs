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
//! - `text/`: cleaning, measuring and wrapping. `reference.rs`: the one table of commands and keys.

pub mod chat;
pub mod components;
pub mod editor;
pub mod model;
pub mod msg;
pub mod picture;
pub mod port;
pub mod reference;
#[cfg(test)]
mod screens;
pub mod snapshot;
pub mod stage;
#[cfg(test)]
mod testing;
pub mod text;
pub mod theme;
pub mod welcome;
