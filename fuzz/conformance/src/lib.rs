//! dialtone: conformance.
