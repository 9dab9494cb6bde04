//! Expressions by the thousand: what checks, runs; CEL's other implementation in Rust agrees where both speak; and
//! nothing that can be written is slow, deep or a panic.

mod generate;
mod hostile;
mod oracle;
mod scene;

use domain::condition::{Code, Expr};
use domain::value::Value;
use generate::Generator;

/// The value in each scene. What was generated is right by construction, so only size may be refused.
fn values(source: &str) -> Option<Vec<Value>> {
    let scope = scene::scope();
    let expr = match Expr::compile(source, None, &scope, &[]) {
        Ok(expr) => expr,
        Err(faults) => {
            let size = |code| matches!(code, Code::TooLong | Code::TooDeep | Code::TooCostly);
            assert!(faults.iter().all(|f| size(f.code)), "{source}\n{faults:#?}");
            return None;
        }
    };
    let in_scene = |seed: u64| {
        scene::Scene::new(seed).with_env(|env| {
            expr.seen(env);
            expr.eval(env).unwrap_or_else(|_| panic!("`{source}` is out of range in scene {seed}"))
        })
    };
    Some((0..6).map(in_scene).collect())
}

#[test]
fn what_checks_runs() {
    let mut run = 0;
    for seed in 0..3_000 {
        let source = Generator::new(seed, false).any();
        run += usize::from(values(&source).is_some());
    }
    assert!(run > 2_500, "only {run} expressions were small enough");
}

#[test]
fn the_cel_crate_agrees() {
    let mut run = 0;
    for seed in 0..800 {
        let source = Generator::new(seed, true).any();
        let Some(ours) = values(&source) else { continue };
        run += 1;
        let oracle = oracle::Oracle::new(&source);
        for (seed, ours) in ours.iter().enumerate() {
            let theirs = oracle.value(&scene::Scene::new(seed as u64));
            assert_eq!(*ours, theirs, "`{source}` in scene {seed}");
        }
    }
    assert!(run > 600, "only {run} expressions were small enough");
}
