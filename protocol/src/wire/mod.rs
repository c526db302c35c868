//! Every message, request and response as types.

pub mod cbor;
