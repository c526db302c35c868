//! Every message, request and response as types.
