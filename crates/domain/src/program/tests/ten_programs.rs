//! Ten real-life programs: each checks without a word, and its tests pass once what they exercise is built.

use super::{Source, diag, no_include, read};
use crate::scenario;
use sha2::{Digest, Sha256};

pub const PROGRAMS: [(&str, &str); 10] = [
    ("harbor_coffee", include_str!("ten/harbor_coffee.toml")),
    ("blue_door", include_str!("ten/blue_door.toml")),
    ("velvet_beauty", include_str!("ten/velvet_beauty.toml")),
    ("greenway_market", include_str!("ten/greenway_market.toml")),
    ("dale_and_sons", include_str!("ten/dale_and_sons.toml")),
    ("lantern_hotels", include_str!("ten/lantern_hotels.toml")),
    ("cloudcrate", include_str!("ten/cloudcrate.toml")),
    ("bazaar_go", include_str!("ten/bazaar_go.toml")),
    ("linen_and_loom", include_str!("ten/linen_and_loom.toml")),
    ("meridian_supply", include_str!("ten/meridian_supply.toml")),
];

/// Programs whose tests wait for what they exercise. A name that is taken away never comes back.
const PENDING: [&str; 0] = [];

/// They are what the language was designed with: the language serves them, they are not bent to it.
#[test]
fn all_ten_stand_as_they_were_given() {
    let texts: String = PROGRAMS.iter().map(|(_, text)| *text).collect();
    let digest: String = Sha256::digest(texts.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "4d0ce4ecea6eb40e43bac7bef1c1d9c8db92d2ab393a81af2cca1a0f4fa30b60");
}

#[test]
fn all_ten_check_without_a_word() {
    for (name, text) in PROGRAMS {
        let main = Source { name: format!("{name}.toml"), text: text.into() };
        match read(main, &mut no_include, None, 1) {
            Ok(program) => {
                assert!(
                    program.warnings.is_empty(),
                    "{}",
                    diag::render(&program.warnings, &program.sources, false)
                );
                let again = crate::program::read_json(&program.json, None, 1);
                let again =
                    again.unwrap_or_else(|r| panic!("{}", diag::render(&r.diagnostics, &r.sources, false)));
                assert_eq!(again.plan.hash, program.plan.hash, "{name} is the same from its JSON");
            }
            Err(r) => panic!("{}", diag::render(&r.diagnostics, &r.sources, false)),
        }
    }
}

#[test]
fn their_tests_pass() {
    let mut done = Vec::new();
    let mut broken = String::new();
    for (name, text) in PROGRAMS {
        let main = Source { name: format!("{name}.toml"), text: text.into() };
        let program = read(main, &mut no_include, None, 1).unwrap_or_else(|_| panic!("{name} checks"));
        let (failures, _) = scenario::run_all(&program);
        let said: Vec<_> = failures.iter().map(scenario::Failure::diagnostic).collect();
        match (PENDING.contains(&name), said.is_empty()) {
            (true, true) => done.push(name),
            (false, false) => broken.push_str(&diag::render(&said, &program.sources, false)),
            _ => {}
        }
    }
    assert!(broken.is_empty(), "{broken}");
    assert!(done.is_empty(), "these pass, and are pending no more: {done:?}");
}

/// Words, and what stands between them.
fn parts(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    parts
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(200))]

    /// Words that change places or go missing make mistakes, or another program; never a fall.
    #[test]
    fn a_garbled_program_is_told_and_never_falls(
        which in 0..PROGRAMS.len(),
        changes in proptest::collection::vec((0usize..2_000, 0usize..2_000, 0u8..3), 1..4),
    ) {
        let mut parts = parts(PROGRAMS[which].1);
        let words: Vec<usize> = (0..parts.len()).filter(|at| parts[*at].contains(char::is_alphanumeric)).collect();
        for (at, other, how) in changes {
            let (at, other) = (words[at % words.len()], words[other % words.len()]);
            match how {
                0 => parts.swap(at, other),
                1 => parts[at] = "1",
                _ => parts[at] = parts[other],
            }
        }
        let main = Source { name: "garbled.toml".into(), text: parts.concat() };
        match read(main, &mut no_include, None, 1) {
            Ok(program) => drop(scenario::run_all(&program)),
            Err(r) => {
                let said = diag::render(&r.diagnostics, &r.sources, false);
                proptest::prop_assert!(said.contains("error["), "{said}");
            }
        }
    }
}
