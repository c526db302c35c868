//! dialtone: sim.
