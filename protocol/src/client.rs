//! The engine of the client.
