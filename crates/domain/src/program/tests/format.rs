//! `fealty fmt`: another layout, the same program; laid out once, it stays so; and spaces do not matter.

use super::real::{programs, recipes};
use super::*;
use proptest::prelude::*;

/// Of each law.
const CASES: u32 = 60;

fn laid_out(text: &str) -> String {
    format(&source(text)).unwrap_or_else(|r| panic!("{}", diag::render(&r.diagnostics, &r.sources, false)))
}

fn everything() -> Vec<(String, String)> {
    let ten = ten_programs::PROGRAMS.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let scenarios = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
    let files = std::fs::read_dir(scenarios).unwrap().map(|f| f.unwrap().path());
    let files = files.filter(|p| p.extension().is_some_and(|e| e == "toml"));
    let files = files.map(|p| (p.display().to_string(), std::fs::read_to_string(&p).unwrap()));
    programs().into_iter().chain(recipes()).chain(ten).chain(files).collect()
}

#[test]
fn the_program_stays_the_same_and_so_does_its_layout() {
    for (name, text) in everything() {
        let once = laid_out(&text);
        assert_eq!(laid_out(&once), once, "{name}");
        let hash = |text: &str| check(text).map(|p| p.plan.hash).unwrap_or_else(|_| panic!("{name} checks"));
        assert_eq!(hash(&once), hash(&text), "{name}");
        let comments = |text: &str| text.lines().filter(|l| l.trim_start().starts_with('#')).count();
        assert_eq!(comments(&once), comments(&text), "{name}");
    }
}

#[test]
fn our_programs_and_recipes_are_laid_out() {
    for (name, text) in programs() {
        assert!(laid_out(&text) == text, "programs/{name}/program.toml: run `fealty fmt`");
    }
    for (title, text) in recipes() {
        assert_eq!(laid_out(&text), text, "docs/cookbook.md: {title}");
    }
}

#[test]
fn what_it_does() {
    let before = "\n\n# A shop.  \r\nprogram={id=\"shop\",currency = \"EUR\" ,timezone=\"UTC\", }\n\n\n\nwallets . points={ }\n# What earns.\n[ rules.base ]   # here\non=[\"order.paid\",]\n  when  =  [\n'true',  # always\n\n      'order.subtotal>=1'\n# the end\n]\nearn.points=1\nactive={from=2026-12-01 10:00:00,days=[\"sat\",\n\"sun\"]}\n\n";
    let after = "# A shop.\nprogram = { id = \"shop\", currency = \"EUR\", timezone = \"UTC\" }\n\nwallets.points = {}\n\n# What earns.\n[rules.base]   # here\non = [\"order.paid\"]\nwhen = [\n  'true',  # always\n\n  'order.subtotal>=1',\n  # the end\n]\nearn.points = 1\nactive = { from = 2026-12-01 10:00:00, days = [\"sat\",\n  \"sun\"] }\n";
    assert_eq!(laid_out(before), after);
    assert_eq!(laid_out(after), after);
}

#[test]
fn what_is_no_toml_is_told() {
    let gaps = "params.a = [\n\n\n  1,\n\n\n  2,\n\n\n]\n";
    assert_eq!(laid_out(gaps), "params.a = [\n  1,\n\n  2,\n]\n");
    let refused = format(&source("rules.base = { on = \n")).expect_err("no TOML");
    assert!(diag::render(&refused.diagnostics, &refused.sources, false).contains("error[toml_syntax]"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    /// Spaces around punctuation, at the ends of lines and before them change nothing of what comes out.
    #[test]
    fn spaces_do_not_matter(which in 0usize..1_000, spaces in proptest::collection::vec(0usize..4, 64)) {
        let all = programs();
        let text = &all[which % all.len()].1;
        let mut spaces = spaces.iter().cycle();
        let mut spread = String::new();
        for token in ::toml_parser::Source::new(text).lex() {
            use ::toml_parser::lexer::TokenKind::*;
            let piece = text.get(token.span().start()..token.span().end()).unwrap_or("");
            let room = " ".repeat(*spaces.next().expect("for ever"));
            match token.kind() {
                Equals | Comma | LeftCurlyBracket | RightCurlyBracket | LeftSquareBracket | RightSquareBracket => {
                    spread.push_str(piece);
                    spread.push_str(&room);
                }
                Newline => {
                    spread.push_str(&room);
                    spread.push('\n');
                    spread.push_str(&room);
                }
                _ => spread.push_str(piece),
            }
        }
        // Comments beside something stay where they were put.
        let plain = |text: &str| -> Vec<String> {
            text.lines().map(|l| l.split("  #").next().unwrap_or_default().trim_end().to_owned()).collect()
        };
        prop_assert_eq!(plain(&laid_out(&spread)), plain(&laid_out(text)));
    }

    /// Whatever is typed into a program: it is no TOML, or it is laid out once and for all.
    #[test]
    fn a_slip_of_the_pen_is_told_or_laid_out(
        which in 0usize..1_000,
        slips in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..24), 1..4),
    ) {
        const SLIPS: [&str; 24] = [
            " ", "\t", "\r", "\r\n", "\n", "\n\n\n", "#", ",", "[", "]", "{", "}", "=", "'", "\"", "\"\"\"", "'''", ".", "é",
            "\u{feff}", "{\n}", "[\n]", "# a\n", "1",
        ];
        let all = programs();
        let mut text = all[which % all.len()].1.clone();
        for (at, slip) in slips {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            text.insert_str(*at.get(&places), SLIPS[slip]);
        }
        if let Ok(once) = format(&source(&text)) {
            prop_assert_eq!(laid_out(&once), once);
        }
    }
}
