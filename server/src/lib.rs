//! dialtone: server.
