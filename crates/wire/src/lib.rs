//! The formats at the border, pure: bytes in, canonical words of the core out, and back.
//!
//! Nothing here waits, reads a clock or opens a socket; the time is an argument.
//! The way of a vendor's webhook: `signature::verify` -> `Verified` -> `sources::decode` -> `Input`.
//! The way of a CloudEvent: `cloudevents::read` -> `Input`.

pub mod cloudevents;
pub mod headers;
pub mod json;
pub mod member_id;
pub mod problem;
pub mod signature;
pub mod sources;
