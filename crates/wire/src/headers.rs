//! Headers of one request, as a web server hands them over. Names in lower case, values as bytes, repeats kept:
//! a signature that stands twice must be seen twice.

/// Bytes of one value that anybody here reads.
pub const VALUE_BYTES_MAX: usize = 8 * 1024;

#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(Box<str>, Box<[u8]>)>);

/// Why there is no one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotOne {
    Repeated,
    /// Not visible ASCII (and space), or longer than `VALUE_BYTES_MAX`.
    Unreadable,
}

impl Headers {
    pub fn new<N: AsRef<str>, V: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (N, V)>) -> Headers {
        let lower = |(n, v): (N, V)| (n.as_ref().to_ascii_lowercase().into(), v.as_ref().into());
        Headers(pairs.into_iter().map(lower).collect())
    }

    /// The only value of a header, `name` in lower case; `None` if the header is not there.
    pub fn one(&self, name: &str) -> Result<Option<&str>, NotOne> {
        let mut found = self.0.iter().filter(|(n, _)| **n == *name);
        let Some((_, value)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(NotOne::Repeated);
        }
        if value.len() > VALUE_BYTES_MAX || !value.iter().all(|b| matches!(b, b' '..=b'~')) {
            return Err(NotOne::Unreadable);
        }
        std::str::from_utf8(value).map(Some).map_err(|_| NotOne::Unreadable)
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| **n == *name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(n, v)| (&**n, &**v))
    }
}
