//! Event types: the canonical ones with the fields that the program adds, and those that it declares.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::{extend, fields};
use super::ids;
use crate::canonical::{self, TYPES};
use crate::condition::Code;
use crate::plan::{Canon, EventType, TypeNo};
use crate::program::check::report::Report;
use crate::program::read::{Node, Table};
use crate::value::{Fields, Presence, Type};

pub struct Events {
    pub types: Vec<EventType>,
    pub by_name: HashMap<Box<str>, TypeNo>,
    /// Fields of a member as expressions see them.
    pub member: Arc<Fields>,
}

/// What no declared type may have for its noun: other variables, canonical payloads, and keys of a test's step.
const TAKEN: [&str; 39] = [
    "order",
    "refund",
    "fulfilment",
    "cancellation",
    "item",
    "member",
    "tiers",
    "tier",
    "params",
    "formulas",
    "now",
    "today",
    "wallets",
    "counters",
    "achievements",
    "achievement",
    "segments",
    "event",
    "rules",
    "quantity",
    "steps",
    "points",
    "referral",
    "redemption",
    "region",
    "at",
    "after",
    "expect",
    "quote",
    "redeem",
    "confirm",
    "cancel",
    "join",
    "refused",
    "emitted",
    "given",
    "discount",
    "date",
    "size",
];

impl Events {
    pub fn read(tree: &Table, report: &mut Report<'_>) -> Events {
        let item = Arc::new(extend(canonical::item_fields(), tree.get("item"), "item", report));
        let order = Arc::new(extend(canonical::order_fields(item), tree.get("order"), "order", report));
        let member = Arc::new(extend(canonical::member_fields(), tree.get("member"), "member", report));
        always_known(&member, tree.get("member"), report);
        let refund = Arc::new(canonical::refund_fields());
        let delivery = Arc::new(canonical::delivery_fields());
        let update = Arc::new(canonical::member_update_fields(&member));
        let tier = Arc::new(canonical::tier_fields(&ids(tree, "tiers")));
        let achievement = Arc::new(canonical::achievement_fields(&ids(tree, "achievements")));
        let referral = Arc::new(canonical::referral_fields());
        let redemption = Arc::new(canonical::redemption_fields(&ids(tree, "rewards")));
        let points = Arc::new(canonical::points_fields(&ids(tree, "wallets")));
        let nothing = Arc::new(Fields::default());
        let mut types = Vec::new();
        for (name, canon, noun) in TYPES {
            let fields = match canon {
                Canon::OrderPaid | Canon::OrderUpdated | Canon::OrderQuoted => &order,
                Canon::OrderRefunded => &refund,
                Canon::OrderFulfilled | Canon::OrderCancelled => &delivery,
                Canon::TierChanged => &tier,
                Canon::AchievementCompleted => &achievement,
                Canon::ReferralClaimed | Canon::ReferralQualified => &referral,
                Canon::RedemptionConfirmed | Canon::RedemptionCancelled => &redemption,
                Canon::PointsEarned
                | Canon::PointsReleased
                | Canon::PointsExpiring
                | Canon::PointsExpired => &points,
                Canon::MemberEnrolled | Canon::MemberUpdated => &update,
                Canon::Clock | Canon::Other => &nothing,
            };
            types.push(event(name, canon, noun, fields.clone()));
        }
        let mut declared = Vec::new();
        for (key, node) in tree.get("events").and_then(Node::table).into_iter().flat_map(Table::iter) {
            let path = format!("events.\"{}\"", key.text);
            let noun = key.text.rsplit('.').nth(1).unwrap_or("");
            let reserved = key.text.starts_with(crate::event::RESERVED);
            let known = TYPES.iter().any(|(name, ..)| *name == key.text);
            if TAKEN.contains(&noun) || reserved || known {
                let message = format!("`{}` cannot be declared", key.text);
                let hint = match (reserved, known) {
                    (true, _) => "types that begin with `fealty.` are Fealty's own".into(),
                    (_, true) => "it is there already".into(),
                    _ => format!(
                        "rules would see its payload as `{noun}`, which means something else: write another noun"
                    ),
                };
                report.error(Code::BadId, &path, &key.at, message, hint);
            }
            let fields = node.table().map(|t| fields(t, &path, report)).unwrap_or_default();
            declared.push(event(&key.text, Canon::Other, noun, Arc::new(fields)));
        }
        declared.sort_by(|a, b| a.name.cmp(&b.name));
        types.extend(declared);
        let heard = types.iter().enumerate().filter(|(_, t)| t.canon != Canon::Clock);
        let by_name = heard.map(|(i, t)| (t.name.as_str().into(), i as TypeNo)).collect();
        Events { types, by_name, member }
    }

    pub fn get(&self, no: TypeNo) -> &EventType {
        &self.types[usize::from(no)]
    }

    /// The type against which what hears a clock is typed; nobody writes its name.
    pub fn clock(&self) -> TypeNo {
        self.types.iter().position(|t| t.canon == Canon::Clock).expect("canonical") as TypeNo
    }

    /// Names of types that can be heard.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.iter().filter(|t| t.canon != Canon::Clock).map(|t| &*t.name)
    }
}

/// Any event may enrol a member, and says nothing of his fields: so each may be absent, or has a default.
fn always_known(member: &Fields, declared: Option<&Node>, report: &mut Report<'_>) {
    for field in &member.0[canonical::member::COUNT..] {
        let declared = declared.and_then(Node::table).and_then(|t| t.get(&field.name));
        if let Some(node) = declared.filter(|_| may_lack(&field.ty, &field.presence)) {
            let message = format!("a member may lack `{}`", field.name);
            let hint = "any event may enrol one: write `\"string?\"`, or a default: `\"string = ''\"`";
            report.error(Code::BadType, &format!("member.{}", field.name), &node.at, message, hint);
        }
    }
}

/// Lists are empty where they are not told, records hold what their fields hold.
fn may_lack(ty: &Type, presence: &Presence) -> bool {
    match ty {
        _ if *presence != Presence::Required => false,
        Type::List(_) => false,
        Type::Record(fields) => fields.0.iter().any(|f| may_lack(&f.ty, &f.presence)),
        _ => true,
    }
}

fn event(name: &str, canon: Canon, noun: &str, fields: Arc<Fields>) -> EventType {
    EventType {
        name: name.into(),
        canon,
        noun: noun.into(),
        fields,
        rules: Vec::new(),
        counters: Vec::new(),
        reads_tiers: false,
        reads: Vec::new(),
        member_reads: Vec::new(),
        seen_names: Vec::new(),
    }
}
