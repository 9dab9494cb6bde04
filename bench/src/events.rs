//! The events that are measured: orders of one to five items, some 500 bytes each, members drawn evenly. The same
//! numbers give the same bytes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::Options;

/// SplitMix64: enough to look random, and the n-th number needs no others.
pub fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn draw(n: u64, salt: u64, below: u64) -> u64 {
    mix(n ^ (salt << 56)) % below
}

/// Whose event the `n`-th is.
pub fn member(n: u64, members: u64) -> u64 {
    draw(n, 40, members)
}

/// The id of the `n`-th event.
pub fn id(n: u64, random_ids: bool) -> String {
    let (a, b) = if random_ids { (mix(n), mix(!n)) } else { (n, mix(n)) };
    format!("{:08x}-{:04x}-7{:03x}-{:016x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff, b ^ a)
}

/// Appends the `n`-th event as one CloudEvent in JSON.
pub fn append(text: &mut String, n: u64, members: u64, random_ids: bool) {
    const CATEGORIES: [&str; 6] = ["coffee", "tea", "mugs", "books", "sweets", "other"];
    let draw = |salt, below| draw(n, salt, below);
    let id = id(n, random_ids);
    let seconds = n / 50 % (27 * 86_400);
    let (day, hour) = (1 + seconds / 86_400, seconds / 3_600 % 24);
    let (minute, second) = (seconds / 60 % 60, seconds % 60);
    let mut items = String::new();
    let mut total = 0;
    for item in 0..1 + draw(1, 5) {
        let (quantity, price) = (1 + draw(2 + item, 2), 250 + draw(10 + item, 1_500));
        total += quantity * price;
        let comma = if item == 0 { "" } else { "," };
        let category = CATEGORIES[draw(20 + item, 6) as usize];
        let _ = write!(
            items,
            r#"{comma}{{"id":"{}","sku":"sku-{}","category":"{category}","quantity":{quantity},"price":"{}.{:02}"}}"#,
            item + 1,
            draw(30 + item, 5_000),
            price / 100,
            price % 100
        );
    }
    let _ = write!(
        text,
        r#"{{"specversion":"1.0","id":"{id}","source":"bench","type":"order.paid","subject":"customer:{}","time":"2026-10-{day:02}T{hour:02}:{minute:02}:{second:02}Z","data":{{"id":"o{n}","currency":"EUR","total":"{t}.{u:02}","subtotal":"{t}.{u:02}","store":"s{}","channel":"web","items":[{items}]}}}}"#,
        member(n, members),
        draw(41, 200),
        t = total / 100,
        u = total % 100,
    );
}

/// NDJSON of `count` events from the `from`-th on.
pub fn write(file: &Path, options: &Options, from: u64, count: u64) {
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(file).expect("can write"));
    let mut text = String::new();
    for n in from..from + count {
        text.clear();
        append(&mut text, n, options.members, options.random_ids);
        text.push('\n');
        out.write_all(text.as_bytes()).expect("can write");
    }
    out.flush().expect("can write");
}

#[test]
fn events_are_json_and_differ() {
    let mut seen = std::collections::HashSet::new();
    for n in 0..1_000 {
        for random in [false, true] {
            let mut text = String::new();
            append(&mut text, n, 100, random);
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(seen.insert(value["id"].to_string()), "{text}");
        }
    }
}
