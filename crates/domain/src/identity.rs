//! Names by which other systems know a member: `kind:value`. E-mail in lower case, phone in E.164.

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Identity(Box<str>);

/// Why a text is no identity; `&'static str` is fit for a person.
pub type Bad = &'static str;

impl Identity {
    /// Reads `kind:value` and brings it into its one form. The value is what follows the last `:` of a known
    /// two-part kind (`shopify:customer:123`, `stripe:customer:cus_1`, `pos:card:7`) or the first `:`.
    pub fn parse(_text: &str) -> Result<Identity, Bad> {
        todo!()
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
