//! dialtone: runtime-tokio.
