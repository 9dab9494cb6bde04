//! Checking: the shape of the tree against the tables of the language, and what is said about mistakes.
//! Names, types and expressions are checked where they are compiled.

pub mod near;
pub mod report;
pub mod shape;
pub mod value;
