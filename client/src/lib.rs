//! dialtone: client.
