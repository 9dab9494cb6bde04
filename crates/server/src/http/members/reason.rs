//! What is done by hand says why; so it stands in the journal.

use domain::codes::REASON_REQUIRED;

use crate::http::problem::Problem;

const BYTES_MAX: usize = 500;

pub fn given(reason: &str) -> Result<&str, Problem> {
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > BYTES_MAX {
        let detail = "what is done by hand needs a reason of 1 to 500 bytes";
        return Err(Problem::field(REASON_REQUIRED, "/reason", detail));
    }
    Ok(reason)
}
