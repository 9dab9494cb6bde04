//! Names by which other systems know a member: `kind:value`. E-mail in lower case, phone in E.164.
//! Not here: whose a name is (`snapshot`), and who may give it to whom (`decide/members`).

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Identity(Box<str>);

/// Why a text is no identity; `&'static str` is fit for a person.
pub type Bad = &'static str;

pub const IDENTITY_BYTES_MAX: usize = 320;

/// Kinds that are themselves written with a colon.
const TWO_PART: [&str; 6] = [
    "shopify:customer",
    "stripe:customer",
    "square:customer",
    "woocommerce:customer",
    "pos:card",
    "pos:customer",
];

impl Identity {
    /// Reads `kind:value` and brings it into its one form. The value is what follows the last `:` of a known
    /// two-part kind (`shopify:customer:123`, `stripe:customer:cus_1`, `pos:card:7`) or the first `:`.
    pub fn parse(text: &str) -> Result<Identity, Bad> {
        let text = text.trim();
        if text.len() > IDENTITY_BYTES_MAX {
            return Err("an identity has at most 320 bytes");
        }
        let (kind, value) =
            split(text).ok_or("an identity is written kind:value, like email:ada@example.com")?;
        let well = kind.starts_with(|c: char| c.is_ascii_lowercase())
            && kind
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b':'));
        if kind.starts_with("mem_") {
            return Err("what begins with mem_ is an id of Fealty's own, and no kind of an identity");
        }
        if !well {
            return Err("the kind of an identity is in lower case letters, digits, _ or -");
        }
        let value = value.trim();
        if value.is_empty() {
            return Err("the identity has no value after its kind");
        }
        if value.chars().any(char::is_control) {
            return Err("an identity holds no control characters");
        }
        let value = match kind {
            "email" => email(value)?,
            "phone" => phone(value)?,
            _ => value.to_owned(),
        };
        Ok(Identity(format!("{kind}:{value}").into()))
    }
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Its kind and its value.
    pub fn parts(&self) -> (&str, &str) {
        split(&self.0).unwrap_or((&self.0, ""))
    }
}

fn split(text: &str) -> Option<(&str, &str)> {
    for kind in TWO_PART {
        if let Some(value) = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':')) {
            return Some((kind, value));
        }
    }
    text.split_once(':')
}

fn email(value: &str) -> Result<String, Bad> {
    let bad = "an e-mail address is written name@host";
    let (name, host) = value.rsplit_once('@').ok_or(bad)?;
    if name.is_empty() || host.is_empty() || value.chars().any(char::is_whitespace) {
        return Err(bad);
    }
    Ok(value.to_lowercase())
}

/// E.164: `+`, a country code that does not begin with 0, 7 to 15 digits in all. Signs between digits are left out.
fn phone(value: &str) -> Result<String, Bad> {
    let bad = "a phone number is written with its country code, like +4930123456";
    let rest = value.strip_prefix('+').ok_or(bad)?;
    let mut number = String::from("+");
    for c in rest.chars() {
        match c {
            '0'..='9' => number.push(c),
            ' ' | '-' | '(' | ')' | '.' | '/' => {}
            _ => return Err(bad),
        }
    }
    if number.starts_with("+0") || !(8..=16).contains(&number.len()) {
        return Err(bad);
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Result<String, Bad> {
        Identity::parse(text).map(|i| i.as_str().to_owned())
    }

    #[test]
    fn one_person_has_one_form() {
        assert_eq!(form("email:Ada@Example.COM").as_deref(), Ok("email:ada@example.com"));
        assert_eq!(form("phone:+49 (30) 123-456").as_deref(), Ok("phone:+4930123456"));
        assert_eq!(form("shopify:customer:123").as_deref(), Ok("shopify:customer:123"));
        assert_eq!(form("crm:a:b").as_deref(), Ok("crm:a:b"));
    }

    #[test]
    fn what_is_no_identity_is_said() {
        for text in [
            "",
            "ada",
            "email:",
            "email:ada",
            "Email:a@b",
            "phone:030123",
            "phone:+0123456789",
            "shopify:customer:",
            "x:\0",
            "1:2",
            "mem_abc:1",
        ] {
            assert!(form(text).is_err(), "{text}");
        }
        assert!(form(&format!("x:{}", "y".repeat(400))).is_err());
    }

    #[test]
    fn the_form_is_stable() {
        for text in ["email:Ada@Example.COM", "phone:+49 30 123456", "pos:card:7", "a:b c"] {
            let once = form(text).unwrap();
            assert_eq!(form(&once).unwrap(), once);
        }
    }
}
