//! Every message, request and response as types.
//!
//! One strict decoder each: [`request`] and [`frame`] are what clients say, [`answer`] and [`event`] what the server
//! says, [`chain`] the binary bodies around the signed log. Both sides use the same types, so that they cannot drift.

pub mod answer;
pub mod base64;
pub mod body;
pub mod cbor;
pub mod chain;
pub mod event;
pub mod frame;
pub mod http;
pub mod ice_url;
mod json;
pub mod link;
mod query;
pub mod request;
pub mod route;
pub mod sensitive;
mod shape;
pub mod voice;
pub mod ws;
