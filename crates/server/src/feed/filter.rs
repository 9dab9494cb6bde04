//! Which changes a reader wants: by their type and member.

use domain::event::MemberNo;

use super::Told;

/// What a reader wants to be told.
#[derive(Clone, Default)]
pub struct Filter {
    /// Types, or beginnings of them (`points.*`); empty: all.
    pub types: Vec<Box<str>>,
    pub member: Option<MemberNo>,
}

impl Filter {
    pub fn takes(&self, told: &Told) -> bool {
        let fits = |wanted: &str| match wanted.strip_suffix('*') {
            Some(begin) => told.kind.starts_with(begin),
            None => *told.kind == *wanted,
        };
        self.member.is_none_or(|no| told.member == Some(no))
            && (self.types.is_empty() || self.types.iter().any(|wanted| fits(wanted)))
    }
}
