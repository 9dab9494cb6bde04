//! Independent recomputation of every invariant, from the journal.
