//! What an attacker may write: each is answered with a fault or a value, at once, on a small stack.

use std::time::{Duration, Instant};

use domain::condition::Expr;

use crate::generate::Generator;
use crate::scene;

const STACK_BYTES: usize = 512 * 1024;
const AT_MOST: Duration = Duration::from_millis(10);

/// A piece before, in the middle and after, so many times.
const NESTS: [(&str, &str, &str); 22] = [
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("!", "p", ""),
    ("-", "1", ""),
    ("! ", "", ""),
    ("{", "", "}"),
    ("has(", "order.note", ")"),
    ("size([", "1", "])"),
    ("floor(", "1", ")"),
    ("min(1, ", "1", ")"),
    ("f(", "", ")"),
    ("params.rate[", "s", "]"),
    ("order.items[", "0", "]"),
    ("xs.exists(i, ", "p", ")"),
    ("order.items.filter(i, order.items", "", ".exists(j, true))"),
    ("p ? 1 : ", "2", ""),
    ("p ? (", "1", ") : 2"),
    ("a.or(", "1", ")"),
    ("(1 + ", "1", ")"),
    ("1 in [", "1", "]"),
    ("\"a\" + (", "s", ")"),
    ("p && (q || ", "p", ")"),
];

/// A beginning, and a piece so many times.
const CHAINS: [(&str, &str); 30] = [
    ("1", "+1"),
    ("1", " - 1"),
    ("1", "*2"),
    ("1", "/3"),
    ("1", "%3"),
    ("1", "/a"),
    ("p", "&&p"),
    ("p", "||q"),
    ("p", "==q"),
    ("1", "<1"),
    ("1", " in xs"),
    ("s", "+\"x\""),
    ("order", ".a"),
    ("order", ".items"),
    ("order.note", ".or(s)"),
    ("xs", "[0]"),
    ("xs", ".filter(i, i > 0)"),
    ("xs", ".exists(i, i > 0)"),
    ("order.items", ".filter(i, order.items.exists(j, j.total > i.total))"),
    ("s", ".contains(s)"),
    ("has(order.note)", " && order.note == order.note"),
    ("a != 0", " && 1 / a > 1 / b"),
    ("order.channel in [\"app\"", ", \"app\""),
    ("min(1", ", 1"),
    ("1", "\n\n\t +1"),
    ("1", " // remark\n +1"),
    ("formulas.d1", " + formulas.d1"),
    ("p ? 1 : 2", " : 3"),
    ("p", " ? 1 : 2"),
    ("a.b", "()"),
];

const ODD: [&str; 64] = [
    "",
    " ",
    "\t\n",
    "//",
    "// only a remark",
    "/",
    "\\",
    "'",
    "\"",
    "'''",
    "\"\"\"",
    "\"\\",
    "\"\\x",
    "\"\\u12\"",
    "\"\\ud800\"",
    "\"\\U00110000\"",
    "\"\\777\"",
    "\"\\q\"",
    "\"a\nb\"",
    "1.",
    ".5",
    "1..2",
    "1e309",
    "1e-400",
    "0x10",
    "1u",
    "1_000",
    "١٢٣",
    "1.2.3",
    "order.",
    "order..total",
    "order.total.",
    ".order",
    "`order`",
    "order?.total",
    "a b",
    "a == ",
    "== a",
    "a === b",
    "a = b",
    "a <> b",
    "a and b",
    "not p",
    "p & q",
    "p | q",
    "null",
    "None",
    "NaN",
    "a\u{0}b",
    "\u{feff}a",
    "a\u{200b}",
    "\u{202e}a > 1",
    "é > 1",
    "\"\u{202e}\" == s",
    "日本語",
    "\"日本語\" == s",
    "👍",
    "“x” == s",
    "order['total']",
    "order.items[0].total",
    "formulas.circle",
    "formulas.d3",
    "formulas.d4 > 1",
    "__proto__",
];

const GOOD: [&str; 5] = [
    "order.total >= 50 && order.channel in [\"app\", 'web'] || !has(order.rating)",
    "order.items.filter(i, \"x\" in i.tags && i.total > 1.50).sum(i, i.total * i.quantity) % 7 == 0 ? a : -b",
    "has(order.gift) && order.gift.wrapped && (has(order.gift.card) ? order.gift.card : \"größer\\u00e9\") != s + 't'",
    "floor(volume(params.bands, order.total) / max(size(order.items), 1)) >= counters.spend.ago(2) - 0.05",
    "params.rate[order.channel] * (today.weekday == \"mon\" ? days_since(date(\"2024-02-29\")) : order.rating.or(3))",
];

fn corpus() -> Vec<String> {
    let mut all: Vec<String> = ODD.iter().map(ToString::to_string).collect();
    for times in [3, 23, 25, 60, 300, 5_000, 200_000] {
        for (before, middle, after) in NESTS {
            all.push(format!("{}{middle}{}", before.repeat(times), after.repeat(times)));
            // Never closed.
            all.push(format!("{}{middle}", before.repeat(times)));
        }
        for (first, next) in CHAINS {
            all.push(format!("{first}{}", next.repeat(times)));
        }
        for piece in
            ["9", "0", "0.", "a", "é", "\"", "'", "\\", "👍", "\u{301}", "\"\\n", ".", ",", "(", ")", "\u{0}"]
        {
            all.push(piece.repeat(times));
            all.push(format!("0.{}", piece.repeat(times)));
            all.push(format!("\"{}\" == s", piece.repeat(times)));
        }
    }
    // Each beginning of something good, and each thing good with a byte of it changed.
    for good in GOOD {
        let ends = good.char_indices().map(|(at, _)| at);
        all.extend(ends.map(|end| good[..end].to_string()));
    }
    let mut draw = Generator::new(7, false);
    let signs = [
        "(", ")", "[", "]", ".", ",", "\"", "'", "&&", "||", "==", "!", "-", "0", "i", "in", " ", "?", ":",
        "é",
    ];
    for _ in 0..2_000 {
        let mut text: Vec<char> = GOOD[draw.pick(GOOD.len())].chars().collect();
        for _ in 0..=draw.pick(3) {
            let at = draw.pick(text.len());
            let sign = signs[draw.pick(signs.len())];
            text.splice(at..at + draw.pick(2), sign.chars());
        }
        all.push(text.into_iter().collect());
    }
    for _ in 0..2_000 {
        let long = draw.pick(60);
        all.push((0..long).map(|_| signs[draw.pick(signs.len())]).collect());
    }
    all
}

/// Compiles it and, if it is right, runs it; how long that took.
fn answer(source: &str, scene: &scene::Scene) -> Duration {
    let scope = scene::scope();
    let start = Instant::now();
    let answer = Expr::compile(source, None, &scope, &[source]);
    match &answer {
        Ok(expr) => scene.with_env(|env| {
            let _ = expr.eval(env);
            expr.seen(env);
        }),
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(source.get(fault.span.clone()).is_some(), "{fault:?} of {source:?}");
                assert!(fault.message.len() < 700 && fault.hint.len() < 700 && !fault.message.is_empty());
            }
        }
    }
    drop(answer);
    start.elapsed()
}

#[test]
fn whatever_is_written_is_answered_at_once() {
    let corpus = corpus();
    assert!(corpus.len() > 200);
    // Reading a time zone takes more stack than all of them.
    let scene = scene::Scene::new(3);
    let work = move || {
        for source in corpus {
            // The machine may be busy: the best of some tries counts.
            let best = (0..5).map(|_| answer(&source, &scene)).find(|took| *took <= AT_MOST);
            let shown: String = source.chars().take(200).collect();
            assert!(best.is_some(), "slower than {AT_MOST:?}: {shown}");
        }
    };
    let small = std::thread::Builder::new().stack_size(STACK_BYTES);
    assert!(small.spawn(work).unwrap().join().is_ok(), "see above");
}
