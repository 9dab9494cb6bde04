//! The canonical payloads: which fields an order, an item, a refund and a member have, and in which slots they lie.
//! What a program declares follows behind, sorted by name, so the slots below never move.

use std::sync::Arc;

use crate::plan::Canon;
use crate::value::{Field, Fields, Presence, Type, Value};

/// Slots of an `order`.
pub mod order {
    pub const ID: usize = 0;
    pub const CURRENCY: usize = 1;
    pub const CHANNEL: usize = 2;
    pub const STORE: usize = 3;
    pub const REGION: usize = 4;
    pub const TOTAL: usize = 5;
    pub const SUBTOTAL: usize = 6;
    pub const DISCOUNT: usize = 7;
    pub const TAX: usize = 8;
    pub const SHIPPING: usize = 9;
    pub const COUPONS: usize = 10;
    pub const TAGS: usize = 11;
    pub const ITEMS: usize = 12;
    pub const COUNT: usize = 13;
}

/// Slots of an element of `order.items`.
pub mod item {
    pub const ID: usize = 0;
    pub const SKU: usize = 1;
    pub const PRODUCT: usize = 2;
    pub const CATEGORY: usize = 3;
    pub const BRAND: usize = 4;
    pub const TAGS: usize = 5;
    pub const QUANTITY: usize = 6;
    pub const PRICE: usize = 7;
    pub const TOTAL: usize = 8;
    pub const COUNT: usize = 9;
}

/// Slots of a `refund` (`order.refunded`).
pub mod refund {
    pub const ID: usize = 0;
    pub const ORDER: usize = 1;
    pub const CURRENCY: usize = 2;
    /// May be absent: an amount of 0 is another thing than none.
    pub const AMOUNT: usize = 3;
    pub const ITEMS: usize = 4;
    pub const COUNT: usize = 5;
}

/// Slots of an element of the items of a refund, a fulfilment or a cancellation.
pub mod part {
    pub const ID: usize = 0;
    /// May be absent.
    pub const QUANTITY: usize = 1;
    /// May be absent.
    pub const AMOUNT: usize = 2;
    pub const COUNT: usize = 3;
}

/// Slots of a `fulfilment` (`order.fulfilled`) and a `cancellation` (`order.cancelled`).
pub mod delivery {
    pub const ORDER: usize = 0;
    pub const ITEMS: usize = 1;
    pub const COUNT: usize = 2;
}

/// Slots of a `member` in expressions (`Place::Member`).
pub mod member {
    pub const ID: usize = 0;
    pub const REGION: usize = 1;
    pub const ENROLLED_ON: usize = 2;
    /// May be absent.
    pub const BIRTHDAY: usize = 3;
    pub const TAGS: usize = 4;
    pub const REFERRED: usize = 5;
    pub const COUNT: usize = 6;
}

/// Slots of a `tier` (`tier.changed`).
pub mod tier {
    pub const LADDER: usize = 0;
    pub const FROM: usize = 1;
    pub const TO: usize = 2;
    /// It is higher than the level before.
    pub const UP: usize = 3;
    pub const COUNT: usize = 4;
}

/// Slots of an `achievement` (`achievement.completed`).
pub mod achievement {
    pub const ID: usize = 0;
    /// How often it was completed by now: the field `count`.
    pub const TIMES: usize = 1;
    pub const COUNT: usize = 2;
}

/// Slots of a `referral` (`referral.claimed`, `referral.qualified`).
pub mod referral {
    pub const CODE: usize = 0;
    /// An identity of the referrer, in place of his code. May be absent.
    pub const BY: usize = 1;
    pub const COUNT: usize = 2;
}

/// Slots of a `redemption` (`redemption.confirmed`, `redemption.cancelled`).
pub mod redemption {
    pub const ID: usize = 0;
    pub const REWARD: usize = 1;
    pub const QUANTITY: usize = 2;
    pub const COUNT: usize = 3;
}

/// Slots of `points` (`points.earned`, `.released`, `.expiring`, `.expired`).
pub mod points {
    pub const WALLET: usize = 0;
    pub const AMOUNT: usize = 1;
    /// Which rule granted them; empty if none did, or several.
    pub const RULE: usize = 2;
    /// The day on which they end. May be absent.
    pub const ON: usize = 3;
    pub const COUNT: usize = 4;
}

/// A canonical type, what the core does with it, and the variable that holds its payload (empty: none).
pub const TYPES: [(&str, Canon, &str); 19] = [
    ("order.paid", Canon::OrderPaid, "order"),
    ("order.updated", Canon::OrderUpdated, "order"),
    ("order.fulfilled", Canon::OrderFulfilled, "fulfilment"),
    ("order.refunded", Canon::OrderRefunded, "refund"),
    ("order.cancelled", Canon::OrderCancelled, "cancellation"),
    ("member.enrolled", Canon::MemberEnrolled, ""),
    ("member.updated", Canon::MemberUpdated, ""),
    ("order.quoted", Canon::OrderQuoted, "order"),
    ("tier.changed", Canon::TierChanged, "tier"),
    ("achievement.completed", Canon::AchievementCompleted, "achievement"),
    ("referral.claimed", Canon::ReferralClaimed, "referral"),
    ("referral.qualified", Canon::ReferralQualified, "referral"),
    ("redemption.confirmed", Canon::RedemptionConfirmed, "redemption"),
    ("redemption.cancelled", Canon::RedemptionCancelled, "redemption"),
    ("points.earned", Canon::PointsEarned, "points"),
    ("points.released", Canon::PointsReleased, "points"),
    ("points.expiring", Canon::PointsExpiring, "points"),
    ("points.expired", Canon::PointsExpired, "points"),
    // Time itself: nobody writes its name; rules on a clock are typed against it.
    (CLOCK, Canon::Clock, ""),
];

/// What falls due.
pub const CLOCK: &str = "fealty.due";

impl Canon {
    /// It comes in from outside. The others are made: what followed an event, what fell due, a cart that is judged.
    pub fn comes_in(self) -> bool {
        use Canon::*;
        match self {
            OrderPaid | OrderUpdated | OrderFulfilled | OrderRefunded | OrderCancelled => true,
            MemberEnrolled | MemberUpdated | ReferralClaimed | Other => true,
            OrderQuoted | TierChanged | AchievementCompleted | ReferralQualified | Clock => false,
            RedemptionConfirmed | RedemptionCancelled => false,
            PointsEarned | PointsReleased | PointsExpiring | PointsExpired => false,
        }
    }
}

fn field(name: &str, ty: Type, presence: Presence) -> Field {
    Field { name: name.into(), ty, presence }
}
/// What a shop leaves out reads `""`, `0` or `[]`.
fn or_empty(name: &str, ty: Type) -> Field {
    let empty = match ty {
        Type::Num | Type::Money => Value::Num(crate::num::Num::ZERO),
        Type::Bool => Value::Bool(false),
        Type::List(_) => Value::List(Vec::new()),
        _ => Value::Text("".into()),
    };
    field(name, ty, Presence::Default(empty))
}
fn texts() -> Type {
    Type::List(Arc::new(Type::Text))
}

/// Fields of an order; `items` is what its items have.
pub fn order_fields(items: Arc<Fields>) -> Fields {
    let mut fields = vec![field("id", Type::Text, Presence::Required)];
    fields.extend(["currency", "channel", "store", "region"].map(|n| or_empty(n, Type::Text)));
    fields.extend(["total", "subtotal"].map(|n| field(n, Type::Money, Presence::Follows)));
    fields.extend(["discount", "tax", "shipping"].map(|n| or_empty(n, Type::Money)));
    fields.extend(["coupons", "tags"].map(|n| or_empty(n, texts())));
    fields.push(or_empty("items", Type::List(Arc::new(Type::Record(items)))));
    Fields(fields)
}

/// Fields of an element of `order.items`. A unit price may have more digits than its currency (fuel), so it is a number.
pub fn item_fields() -> Fields {
    let mut fields: Vec<Field> =
        ["id", "sku", "product", "category", "brand"].map(|n| or_empty(n, Type::Text)).into();
    fields.push(or_empty("tags", texts()));
    fields.push(field("quantity", Type::Num, Presence::Follows));
    fields.push(or_empty("price", Type::Num));
    fields.push(field("total", Type::Money, Presence::Follows));
    Fields(fields)
}

fn parts() -> Field {
    let part = Fields(vec![
        field("id", Type::Text, Presence::Required),
        field("quantity", Type::Num, Presence::Optional),
        field("amount", Type::Money, Presence::Optional),
    ]);
    or_empty("items", Type::List(Arc::new(Type::Record(Arc::new(part)))))
}

pub fn refund_fields() -> Fields {
    Fields(vec![
        or_empty("id", Type::Text),
        field("order", Type::Text, Presence::Required),
        or_empty("currency", Type::Text),
        field("amount", Type::Money, Presence::Optional),
        parts(),
    ])
}

/// Fields of a fulfilment and of a cancellation.
pub fn delivery_fields() -> Fields {
    Fields(vec![field("order", Type::Text, Presence::Required), parts()])
}

/// A text that is one of `words`, if there are any.
fn one_of(words: &[String]) -> Type {
    match words {
        [] => Type::Text,
        words => Type::Words(words.iter().map(|w| w.as_str().into()).collect()),
    }
}

pub fn tier_fields(ladders: &[String]) -> Fields {
    Fields(vec![
        field("ladder", one_of(ladders), Presence::Required),
        field("from", Type::Text, Presence::Required),
        field("to", Type::Text, Presence::Required),
        field("up", Type::Bool, Presence::Required),
    ])
}

pub fn achievement_fields(achievements: &[String]) -> Fields {
    Fields(vec![
        field("id", one_of(achievements), Presence::Required),
        field("count", Type::Num, Presence::Required),
    ])
}

pub fn referral_fields() -> Fields {
    Fields(vec![or_empty("code", Type::Text), field("by", Type::Text, Presence::Optional)])
}

pub fn redemption_fields(rewards: &[String]) -> Fields {
    Fields(vec![
        field("id", Type::Text, Presence::Required),
        field("reward", one_of(rewards), Presence::Required),
        field("quantity", Type::Num, Presence::Required),
    ])
}

pub fn points_fields(wallets: &[String]) -> Fields {
    Fields(vec![
        field("wallet", one_of(wallets), Presence::Required),
        field("amount", Type::Num, Presence::Required),
        or_empty("rule", Type::Text),
        field("on", Type::Date, Presence::Optional),
    ])
}

/// Fields of a member as expressions see them.
pub fn member_fields() -> Fields {
    Fields(vec![
        field("id", Type::Text, Presence::Required),
        or_empty("region", Type::Text),
        field("enrolled_on", Type::Date, Presence::Required),
        field("birthday", Type::Date, Presence::Optional),
        or_empty("tags", texts()),
        or_empty("referred", Type::Bool),
    ])
}

/// Payload of `member.enrolled` and `member.updated`: what may be set of a member, each of it optional.
pub fn member_update_fields(member: &Fields) -> Fields {
    let fixed = [member::ID, member::ENROLLED_ON, member::REFERRED];
    let may_be_set = member.0.iter().enumerate().filter(|(slot, _)| !fixed.contains(slot));
    Fields(may_be_set.map(|(_, f)| field(&f.name, f.ty.clone(), Presence::Optional)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_where_the_constants_say() {
        let order = order_fields(Arc::new(item_fields()));
        for (slot, name) in [
            (order::ID, "id"),
            (order::CURRENCY, "currency"),
            (order::CHANNEL, "channel"),
            (order::STORE, "store"),
            (order::REGION, "region"),
            (order::TOTAL, "total"),
            (order::SUBTOTAL, "subtotal"),
            (order::DISCOUNT, "discount"),
            (order::TAX, "tax"),
            (order::SHIPPING, "shipping"),
            (order::COUPONS, "coupons"),
            (order::TAGS, "tags"),
            (order::ITEMS, "items"),
        ] {
            assert_eq!(order.slot(name), Some(slot), "order.{name}");
        }
        assert_eq!(order.0.len(), order::COUNT);
        let item = item_fields();
        for (slot, name) in [
            (item::ID, "id"),
            (item::SKU, "sku"),
            (item::PRODUCT, "product"),
            (item::CATEGORY, "category"),
            (item::BRAND, "brand"),
            (item::TAGS, "tags"),
            (item::QUANTITY, "quantity"),
            (item::PRICE, "price"),
            (item::TOTAL, "total"),
        ] {
            assert_eq!(item.slot(name), Some(slot), "item.{name}");
        }
        assert_eq!(item.0.len(), item::COUNT);
    }

    #[test]
    fn slots_of_the_smaller_payloads() {
        let refund = refund_fields();
        assert_eq!(refund.slot("id"), Some(refund::ID));
        assert_eq!(refund.slot("order"), Some(refund::ORDER));
        assert_eq!(refund.slot("currency"), Some(refund::CURRENCY));
        assert_eq!(refund.slot("amount"), Some(refund::AMOUNT));
        assert_eq!(refund.slot("items"), Some(refund::ITEMS));
        assert_eq!(refund.0.len(), refund::COUNT);
        let delivery = delivery_fields();
        assert_eq!(delivery.slot("order"), Some(delivery::ORDER));
        assert_eq!(delivery.slot("items"), Some(delivery::ITEMS));
        let member = member_fields();
        assert_eq!(member.slot("id"), Some(member::ID));
        assert_eq!(member.slot("region"), Some(member::REGION));
        assert_eq!(member.slot("enrolled_on"), Some(member::ENROLLED_ON));
        assert_eq!(member.slot("birthday"), Some(member::BIRTHDAY));
        assert_eq!(member.slot("tags"), Some(member::TAGS));
        assert_eq!(member.slot("referred"), Some(member::REFERRED));
        assert_eq!(member.0.len(), member::COUNT);
        let update = member_update_fields(&member);
        let names: Vec<&str> = update.0.iter().map(|f| &*f.name).collect();
        assert_eq!(names, ["region", "birthday", "tags"]);
    }

    #[test]
    fn slots_of_what_follows_an_event() {
        let check = |fields: Fields, names: &[(usize, &str)]| {
            for (slot, name) in names {
                assert_eq!(fields.slot(name), Some(*slot), "{name}");
            }
            assert_eq!(fields.0.len(), names.len());
        };
        let tier = [(tier::LADDER, "ladder"), (tier::FROM, "from"), (tier::TO, "to"), (tier::UP, "up")];
        check(tier_fields(&[]), &tier);
        check(achievement_fields(&[]), &[(achievement::ID, "id"), (achievement::TIMES, "count")]);
        check(referral_fields(), &[(referral::CODE, "code"), (referral::BY, "by")]);
        let redeemed =
            [(redemption::ID, "id"), (redemption::REWARD, "reward"), (redemption::QUANTITY, "quantity")];
        check(redemption_fields(&[]), &redeemed);
        let earned = [
            (points::WALLET, "wallet"),
            (points::AMOUNT, "amount"),
            (points::RULE, "rule"),
            (points::ON, "on"),
        ];
        check(points_fields(&[]), &earned);
        let counts = [tier::COUNT, achievement::COUNT, referral::COUNT, redemption::COUNT, points::COUNT];
        assert_eq!(counts, [4, 2, 2, 3, 4]);
    }
}
