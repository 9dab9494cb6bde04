//! Which variables each place of a program knows, for the reference: asked of the scopes themselves, over a program
//! that has one thing of every kind.

use std::sync::Arc;

use super::scope::Place;
use super::{Choice, Compiler};
use crate::condition::Scope;
use crate::plan::EventType;
use crate::program::check::report::Report;
use crate::program::read::from_toml;
use crate::program::{Source, table};

const SAMPLE: &str = r#"
program = { id = "sample", currency = "EUR", timezone = "UTC" }
params.p = 1
wallets.w = {}
counters.c = { on = "order.paid", per = "month" }
segments.s = 'counters.c > 0'
formulas.f = '1'
tiers.l = { levels = [{ id = "first", v = 1 }] }
rules.r = { on = "order.paid", earn.w = 1 }
rewards.x = { gives.product = "x" }
achievements.a = { needs.c = 1, earn.w = 1 }
"#;

pub struct Variables {
    pub types: Vec<EventType>,
    /// By what a reader would call the place.
    pub places: Vec<(&'static str, Arc<Scope>)>,
}

pub fn variables() -> Variables {
    let sources = [Source { name: "sample".into(), text: SAMPLE.into() }];
    let tree = table(from_toml(SAMPLE, 0, &mut Vec::new()));
    let mut report = Report::new(&sources);
    let choice = Choice { environment: None, version: 1, hash: [0; 32] };
    let (mut c, ..) = Compiler::new(&tree, &mut report, &choice);
    let on = vec![c.names.events.by_name["order.paid"]];
    let each = Some("order.items".to_owned());
    let all = [
        ("rules", Place::Rule { on: on.clone(), each: each.clone(), clock: None }),
        ("`emit.data`", Place::Message { on: on.clone(), clock: None }),
        ("`once_per`", Place::OncePer { on: on.clone() }),
        ("counters", Place::Counter { on: on.clone(), each }),
        ("what starts workflows and referrals", Place::Trigger { on }),
        ("segments", Place::Segment),
        ("campaigns", Place::Audience),
        ("achievements", Place::Goal),
        ("steps", Place::Step { came: vec![("s".into(), 0)] }),
        ("rewards", Place::Reward { item: true }),
        ("tests", Place::Test),
    ];
    let places = all.into_iter().map(|(name, place)| (name, c.scope(&place))).collect();
    Variables { places, types: c.names.events.types }
}
