//! Names that one might expect at a place and that are not there: what is said of them.

use super::Compiler;
use super::scope::Place;
use crate::condition::{Code, NotHere, Scope};
use crate::plan::Canon;

impl Compiler<'_, '_, '_> {
    pub fn absent(&self, place: &Place, scope: &mut Scope) {
        let heard: Vec<&str> = place
            .on()
            .unwrap_or_default()
            .iter()
            .map(|no| self.names.events.get(*no))
            .filter(|event| event.canon != Canon::Clock)
            .map(|event| &*event.name)
            .collect();
        let mut say = |name: &str, code: Code, hint: String| {
            if !scope.roots.contains_key(name) {
                let message = match code {
                    Code::UnknownVariable => format!("there is no `{name}`"),
                    _ => format!("there is no `{name}` here"),
                };
                scope.not_here.insert(name.into(), NotHere { code, message, hint });
            }
        };
        let region = self.names.region.as_deref().unwrap_or("ID");
        say(
            "region",
            Code::UnknownVariable,
            format!(
                "rules do not differ by region: declare a parameter and override it in [regions.{region}.params]"
            ),
        );
        say("item", Code::NotHere, item_hint(place, &heard));
        let payload = |event: &crate::plan::EventType| match heard.is_empty() {
            true => about(place).to_owned(),
            false => format!("this hears {}; `{}` comes with {}", heard.join(", "), event.noun, event.name),
        };
        for event in self.names.events.types.iter().filter(|e| !e.noun.is_empty()) {
            say(&event.noun, Code::NotHere, payload(event));
        }
        let (rules, state) = match place {
            Place::Counter { .. } => (
                "counters do not read rules",
                "counters read the event, the member, tiers and params; rules read counters",
            ),
            Place::OncePer { .. } => {
                ("a business key is made of the event alone", "a business key is made of the event alone")
            }
            Place::Segment => {
                ("only rules and tests read what a rule granted", "segments do not read segments")
            }
            _ => ("only rules and tests read what a rule granted", ""),
        };
        say("rules", Code::NotHere, rules.into());
        for name in ["wallets", "counters", "achievements", "segments", "tiers", "member", "now", "today"] {
            say(name, Code::NotHere, state.into());
        }
        say("event", Code::NotHere, "only rules and counters hear events".into());
        say("quantity", Code::NotHere, "only rewards know how many are redeemed".into());
        say("steps", Code::NotHere, "only steps of a workflow know what came before".into());
        for name in ["refused", "emitted", "given", "discount"] {
            say(name, Code::NotHere, "only tests can see this".into());
        }
    }
}

/// Why there is no payload.
fn about(place: &Place) -> &'static str {
    match place {
        Place::Rule { .. } | Place::Message { .. } | Place::OncePer { .. } => {
            "a clock brings no payload: this is about the member alone"
        }
        Place::Step { .. } => "a step runs later than the event: it sees the member as he is then",
        Place::Goal => "an achievement is about the member, whatever event completed it",
        _ => "this is about the member alone, whatever event it was",
    }
}

fn item_hint(place: &Place, heard: &[&str]) -> String {
    let of_orders = heard.iter().any(|name| ["order.paid", "order.updated", "order.quoted"].contains(name));
    match place {
        Place::Rule { each: None, .. } | Place::Counter { each: None, .. } if of_orders => {
            "to look at items one by one, add `each = 'order.items'`; for any of them: `order.items.exists(i, …)`".into()
        }
        Place::Rule { .. } | Place::Counter { .. } => "`item` is an element of the list that `each` names".into(),
        Place::Message { .. } => "a message is made once for the whole event".into(),
        Place::Reward { .. } => "for some of the items: `gives.discount.items`, or `order.items.exists(i, …)`".into(),
        _ => "only rules and counters with `each` look at items".into(),
    }
}
