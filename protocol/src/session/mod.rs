//! The link to the server.
