//! The dialtone server: HTTP and WebSocket in front, the hub engine of [`dialtone_protocol`] in the middle, SQLite or
//! PostgreSQL behind it.
//!
//! Every rule is the hub's. This crate carries bytes: it reads settings, accepts connections, keeps the store, and
//! hands the hub what happened.

pub mod cli;
pub mod home;
mod ice;
pub mod invite;
pub mod logging;
mod metrics;
pub mod run;
pub mod serve;
pub mod settings;
pub mod store;
