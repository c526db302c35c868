//! dialtone: runtime-smol.
