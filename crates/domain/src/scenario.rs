//! Program tests: steps in virtual time, expectations after each. They run with `fealty check`, gate publication, and
//! are the scenario format of the core's own tests.

/// One `[tests.T]`, read and typed.
pub struct Test {
    pub id: Box<str>,
}
