//! `fealty explain`: what became of an event, and why, in words; the same that the API answers. Beside a running server
//! the data are its own: ask it.

use clap::Args;
use domain::explain::{AmountExplanation, Explanation, Held, RuleExplanation, WhyNot, explain};
use store::Row;

use super::{FOUND, Failure, Place, open};
use crate::app::member_ids;
use crate::http::events::earlier::{Earlier, Paid, earlier};
use crate::http::events::explain::Shape;
use crate::http::events::get::{newest, record};
use crate::http::shape::Eyes;

#[derive(Args)]
pub struct Explain {
    /// The event's id
    #[arg(value_name = "EVENT")]
    id: String,
    /// The event's source; needed only where two sources used the same id
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Which of the program's [environments] counts
    #[arg(long, env = "FEALTY_ENVIRONMENT", value_name = "NAME")]
    environment: Option<String>,
    /// Answer in JSON, as the API does
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Explain {
    pub fn run(self) -> Result<u8, Failure> {
        let file = self.place.file()?;
        let data = self.place.existing(&file)?;
        let environment = self.environment.or(file.environment);
        let opened = open::open(&data, None, environment.as_deref())?;
        let rows = opened.store.reader().event_get(self.source.as_deref(), &self.id);
        let row = newest(rows.map_err(|e| open::failed(&data, e))?).map_err(|sources| {
            let what = format!("cannot explain the event `{}`", self.id);
            match sources.as_slice() {
                [] => Failure::new(FOUND, what, "there is no such event")
                    .fix("look at `GET /v1/events` for the ids that are there"),
                all => Failure::new(FOUND, what, "several sources used this id")
                    .fix(format!("say which one with --source: {}", all.join(", "))),
            }
        })?;
        let plan = opened.plans.version(row.decision.version).ok_or_else(|| {
            let why = format!("program version {} is not stored", row.decision.version);
            Failure::new(super::DATA, "cannot explain the event", why)
        })?;
        let explanation = explain(plan, &row.event, &row.decision);
        let earlier = earlier(&opened.store.reader(), &row, &explanation);
        let earlier = earlier.map_err(|e| open::failed(&data, e))?;
        let (ids, codes) = (member_ids(&opened.store), opened.store.key_maker());
        let eyes = Eyes { plan, ids: &ids, codes: &codes, now: opened.clock.now() };
        if self.json {
            let shape = Shape::new(eyes, record(eyes, &row), &explanation, &earlier);
            println!("{}", serde_json::to_string(&shape).unwrap_or_default());
        } else {
            tell(eyes, &row, &explanation, &earlier);
        }
        Ok(0)
    }
}

fn tell(eyes: Eyes<'_>, row: &Row, explanation: &Explanation, earlier: &Earlier) {
    let (event, decision) = (&row.event, &row.decision);
    println!("{} of {}, {} at {}", event.id, event.source, event.kind, event.time);
    let member = decision.member.map_or_else(String::new, |no| format!(" for {}", eyes.member(no)));
    let status = format!("{:?}", decision.status).to_lowercase();
    println!("{status}{member} by version {} of the program", decision.version);
    if let Some(reason) = &decision.reason {
        println!("  {}: {}", reason.code, reason.message);
    }
    for rule in &explanation.rules {
        println!("{}", rule_told(eyes, rule, earlier.get(rule.rule.as_str())));
    }
    for change in &explanation.changes {
        println!("  {}", change.said);
    }
}

fn rule_told(eyes: Eyes<'_>, rule: &RuleExplanation, paid: Option<&Paid>) -> String {
    let amount = |one: &AmountExplanation| {
        let (wallet, granted, wanted) = (&one.wallet, one.granted, one.wanted);
        let cut = one.cut.as_ref().filter(|_| granted < wanted);
        let cut = cut.map(|cut| format!(" of {}, because of {cut}", eyes.points(wallet, wanted)));
        format!("gave {} {wallet}{}", eyes.points(wallet, granted), cut.unwrap_or_default())
    };
    let amounts: Vec<String> = rule.amounts.iter().map(amount).collect();
    let said = match rule.why_not {
        None if amounts.is_empty() => "applied".to_owned(),
        None => amounts.join(", "),
        Some(why) => format!("did not apply: {}", why_not(why, rule, paid)),
    };
    format!("  rule {} {said}", rule.rule)
}

fn why_not(why: WhyNot, rule: &RuleExplanation, paid: Option<&Paid>) -> String {
    let closed = rule.campaigns.iter().flat_map(|campaign| &campaign.conditions).find(|held| !held.held);
    let false_part = |held: Option<&Held>| {
        held.map_or_else(String::new, |held| {
            let seen: Vec<String> =
                held.seen.iter().map(|(name, value)| format!("{name} was {value}")).collect();
            let seen = if seen.is_empty() { String::new() } else { format!(" ({})", seen.join(", ")) };
            format!(" `{}`{seen}", held.source)
        })
    };
    match why {
        WhyNot::Paused => "it is paused".to_owned(),
        WhyNot::Schedule => "it was not its time".to_owned(),
        WhyNot::Campaign => format!("its campaign was not open{}", false_part(closed)),
        WhyNot::HeldOut => "this member is of the share that never gets the campaign".to_owned(),
        WhyNot::Condition => {
            format!("this was false:{}", false_part(rule.conditions.iter().find(|held| !held.held)))
        }
        WhyNot::NoItem => {
            let first = rule.items.first().and_then(|item| item.conditions.iter().find(|held| !held.held));
            let first =
                first.map_or_else(String::new, |held| format!("; of the first{}", false_part(Some(held))));
            format!("none of the items was one of its own{first}")
        }
        WhyNot::Limit => {
            let cut = rule.amounts.iter().find_map(|one| one.cut.as_deref()).unwrap_or("a limit");
            format!("{cut} was used up")
        }
        WhyNot::NotChosen => "its campaign paid another".to_owned(),
        WhyNot::AlreadyPaid => {
            let by =
                paid.map_or_else(String::new, |paid| format!(", with event {} of {}", paid.id, paid.source));
            format!("it had paid for this before{by}")
        }
        WhyNot::NothingToPay => "its amount came to nothing".to_owned(),
        WhyNot::OutOfRange => "a number left the exact range".to_owned(),
    }
}
