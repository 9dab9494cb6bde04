//! Forgeries: from one good request of a scheme, everything that an attacker or a broken proxy makes of it.
//! Written against the vendors' rules with an HMAC of its own call, not with the verifier's helpers.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

pub const NOW: i64 = 1_700_000_000;
pub const BODY: &[u8] =
    br#"{"id": 820982911946154508, "total_price": "403.00", "note": "caf\u00e9 / a & b"}"#;

pub fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|p| mac.update(p));
    mac.finalize().into_bytes().to_vec()
}

fn mac512(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("any length");
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// One request.
#[derive(Clone)]
pub struct Request {
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    /// Seconds that the receiver's clock is ahead of `NOW`.
    pub later: i64,
}

impl Request {
    pub fn new(headers: &[(&str, &str)], body: &[u8]) -> Request {
        let pair = |(n, v): &(&str, &str)| ((*n).to_owned(), v.as_bytes().to_vec());
        Request { headers: headers.iter().map(pair).collect(), body: body.to_vec(), later: 0 }
    }
    pub fn value(&self, name: &str) -> Vec<u8> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.unwrap_or_else(|| panic!("{name}")).1.clone()
    }
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.value(name)).expect("ASCII")
    }
    pub fn with(&self, name: &str, value: impl AsRef<[u8]>) -> Request {
        let mut request = self.without(name);
        request.headers.push((name.to_owned(), value.as_ref().to_vec()));
        request
    }
    pub fn and(&self, name: &str, value: impl AsRef<[u8]>) -> Request {
        let mut request = self.clone();
        request.headers.push((name.to_owned(), value.as_ref().to_vec()));
        request
    }
    pub fn without(&self, name: &str) -> Request {
        let mut request = self.clone();
        request.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        request
    }
    pub fn body(&self, body: &[u8]) -> Request {
        Request { body: body.to_vec(), ..self.clone() }
    }
    pub fn later(&self, seconds: i64) -> Request {
        Request { later: seconds, ..self.clone() }
    }
}

pub type Cases = Vec<(String, Request)>;

/// What happens to the header of the signature as a whole. `good` carries it under `name`.
pub fn headers(good: &Request, name: &str, cases: &mut Cases) {
    let value = good.text(name);
    let mut add = |what: &str, request: Request| cases.push((format!("header: {what}"), request));
    add("none", good.without(name));
    add("empty", good.with(name, ""));
    add("a space", good.with(name, " "));
    add("twice", good.and(name, &value));
    add("twice, in other case", good.and(&name.to_uppercase(), &value));
    add("twice, the second empty", good.and(name, ""));
    add("twice, the second wrong", good.and(name, "x"));
    add("under another name", good.without(name).and(&format!("x-other-{name}"), &value));
    add("with a space for the hyphen", good.without(name).and(&name.replace('-', " "), &value));
    add("with an underscore for the hyphen", good.without(name).and(&name.replace('-', "_"), &value));
    add("as authorization", good.without(name).and("authorization", &value));
    add("a space before", good.with(name, format!(" {value}")));
    add("a space behind", good.with(name, format!("{value} ")));
    add("a tab behind", good.with(name, format!("{value}\t")));
    add("a newline behind", good.with(name, format!("{value}\n")));
    add("a NUL behind", good.with(name, format!("{value}\0")));
    add("quoted", good.with(name, format!("\"{value}\"")));
    add("repeated without a divider", good.with(name, format!("{value}{value}")));
    add("repeated with a semicolon", good.with(name, format!("{value};{value}")));
    add("not ASCII", good.with(name, format!("{value}é")));
    add("not UTF-8", good.with(name, [value.as_bytes(), &[0xff]].concat()));
    add("the word null", good.with(name, "null"));
    add("the word undefined", good.with(name, "undefined"));
    add("the word none", good.with(name, "none"));
    add("a wildcard", good.with(name, "*"));
    add("9,000 bytes", good.with(name, "A".repeat(9_000)));
    add("1 MiB", good.with(name, "A".repeat(1 << 20)));
    for encoding in ["gzip", "br", "deflate", "gzip, identity", ""] {
        add(&format!("content-encoding {encoding:?}"), good.and("content-encoding", encoding));
    }
}

/// What happens to the body on the way.
pub fn bodies(good: &Request, cases: &mut Cases) {
    let body = &good.body;
    let mut add = |what: &str, body: &[u8]| cases.push((format!("body: {what}"), good.body(body)));
    add("empty", b"");
    add("only {}", b"{}");
    for at in [0, 1, body.len() / 2, body.len() - 1] {
        for bit in [0, 5] {
            let mut altered = body.clone();
            altered[at] ^= 1 << bit;
            add(&format!("bit {bit} of byte {at}"), &altered);
        }
    }
    add("the last byte missing", &body[..body.len() - 1]);
    add("the first byte missing", &body[1..]);
    add("a newline behind", &[body, &b"\n"[..]].concat());
    add("a space before", &[&b" "[..], body].concat());
    add("a byte order mark", &[&b"\xef\xbb\xbf"[..], body].concat());
    add("twice", &[&body[..], &body[..]].concat());
    let text = String::from_utf8(body.clone()).expect("UTF-8");
    add("written again without spaces", text.replace(": ", ":").replace(", ", ",").as_bytes());
    add("written again with the letter", text.replace("\\u00e9", "é").as_bytes());
    add("written again with an escaped slash", text.replace('/', "\\/").as_bytes());
    add("the number through a double", text.replace("820982911946154508", "820982911946154500").as_bytes());
    add("another amount", text.replace("403.00", "999.00").as_bytes());
    add("a member more", text.replacen('{', "{\"a\":1,", 1).as_bytes());
    add("UTF-16", &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    add("as base64", base64(body).as_bytes());
    add("as a form", format!("payload={text}").as_bytes());
}

/// Wrong tags: `signed` is what the scheme signs, `put` writes 32 bytes or a text in the place of the signature.
pub fn tags(key: &[u8], signed: &[u8], hex_form: bool, put: &dyn Fn(&str) -> Request, cases: &mut Cases) {
    let good = mac(key, &[signed]);
    let own = |bytes: &[u8]| if hex_form { hex::encode(bytes) } else { base64(bytes) };
    let mut add = |what: &str, text: String| cases.push((format!("tag: {what}"), put(&text)));
    add("empty", String::new());
    add("zeroes", own(&[0; 32]));
    add("ones", own(&[255; 32]));
    add("truncated to 31 bytes", own(&good[..31]));
    add("truncated to 16 bytes", own(&good[..16]));
    add("truncated to 1 byte", own(&good[..1]));
    add("a byte more", own(&[&good[..], &[0]].concat()));
    add("twice", own(&[&good[..], &good[..]].concat()));
    add("reversed", own(&good.iter().rev().copied().collect::<Vec<_>>()));
    for at in [0, 15, 31] {
        let mut altered = good.clone();
        altered[at] ^= 1;
        add(&format!("one bit of byte {at}"), own(&altered));
    }
    add("another secret", own(&mac(b"another secret", &[signed])));
    add("an empty secret", own(&mac(b"", &[signed])));
    add("the secret and a newline", own(&mac(&[key, b"\n"].concat(), &[signed])));
    add("the secret in capitals", own(&mac(&key.to_ascii_uppercase(), &[signed])));
    add("half of the secret", own(&mac(&key[..key.len() / 2], &[signed])));
    add("the secret as base64", own(&mac(base64(key).as_bytes(), &[signed])));
    add("the secret as hex", own(&mac(hex::encode(key).as_bytes(), &[signed])));
    add("nothing signed", own(&mac(key, &[])));
    add("another body signed", own(&mac(key, &[b"{}"])));
    add("signed twice over", own(&mac(key, &[&good])));
    add("body and key exchanged", own(&mac(signed, &[key])));
    add("HMAC-SHA512", own(&mac512(key, signed)));
    add("HMAC-SHA512 cut to 32 bytes", own(&mac512(key, signed)[..32]));
    add("SHA-256 of the body", own(&Sha256::digest(signed)));
    add("SHA-256 of secret and body", own(&Sha256::digest([key, signed].concat())));
    add("SHA-256 of body and secret", own(&Sha256::digest([signed, key].concat())));
    add("the secret itself", String::from_utf8_lossy(key).into_owned());
    add("in capitals", own(&good).to_uppercase());
    add("in the other encoding", if hex_form { base64(&good) } else { hex::encode(&good) });
    add("base64 of the hex", base64(hex::encode(&good).as_bytes()));
    add("with sha256= before it", format!("sha256={}", own(&good)));
    if hex_form {
        add("with 0x before it", format!("0x{}", own(&good)));
        add(
            "with colons",
            own(&good).as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":"),
        );
    } else {
        add("in small letters", own(&good).to_lowercase());
        add("without padding", STANDARD_NO_PAD.encode(&good));
        add("padding twice", format!("{}=", own(&good)));
        let url = URL_SAFE.encode(&good);
        let changed =
            if url == own(&good) { url.replacen(|c: char| c.is_ascii_digit(), "-", 1) } else { url };
        add("base64url", changed);
        add("bits behind the end", slack(&own(&good)));
        add("a space within", own(&good).replacen("", " ", 2));
    }
}

/// The same 32 bytes to a lenient decoder: the two unused bits of the last sign are set.
fn slack(text: &str) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let at = text.len() - 2;
    let value = SIGNS.iter().position(|s| *s == text.as_bytes()[at]).expect("a sign");
    format!("{}{}=", &text[..at], char::from(SIGNS[value | 1]))
}

/// Signed times that are none, or too far from now. `put` signs whatever text stands for the time.
pub fn times(good: &Request, put: &dyn Fn(&str) -> Request, cases: &mut Cases) {
    for later in [301, 302, 3_600, 86_400, -301, -3_600, -86_400] {
        cases.push((format!("time: {later} s off"), good.later(later)));
    }
    let texts = [
        "",
        " ",
        "0",
        "-1700000000",
        "+1700000000",
        "1700000000.0",
        "1.7e9",
        "1700000000000",
        "0x6553f100",
        "170000000",
        "99999999999999999999",
        "1700000000 ",
        " 1700000000",
        "2023-11-14T22:13:20Z",
        "now",
        "NaN",
        "１７００００００００",
        "1700000301",
        "1699999699",
        "1,700,000,000",
    ];
    for text in texts {
        cases.push((format!("time: signed as {text:?}"), put(text)));
    }
}
