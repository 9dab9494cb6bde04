//! Events of Fealty's own: what the API does to a member, what time does, and what one member's event does to another.
//! They go through the one door as every event does, and lie in the journal as such. Types begin with `fealty.`.

use std::sync::LazyLock;

use crate::num::Num;
use crate::value::{Field, Fields, Presence, Type, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Own {
    /// By hand, with a reason.
    Adjust,
    /// Gives the member further names.
    Link,
    /// Asks for a reward.
    Redeem,
    /// Confirms, cancels or returns a redemption.
    Redemption,
    /// Gives points to another member.
    Transfer,
    /// Sets a level by hand, with a reason.
    Place,
    /// Absorbs another member.
    Merge,
    /// Undoes that.
    Unmerge,
    /// Joins the household of another member.
    Join,
    Leave,
    /// Removes personal data for ever.
    Erase,
    /// Brings codes for a pool; about no member.
    Codes,
    /// Tells that a version of the program counts; about no member.
    Published,
    /// Takes in a member from elsewhere, with what he had there.
    Open,
    /// Made: what is due at an instant is done.
    Due,
    /// Made: what another member's event does to this one.
    Follow,
    /// Made: an absorbed member is himself again. The only event that reaches him under his own number.
    Part,
}

/// Every type, whether it is made by the core only, and its payload.
pub static ALL: LazyLock<Vec<(&'static str, Own, Fields)>> = LazyLock::new(|| {
    vec![
        ("fealty.adjusted", Own::Adjust, fields(&[text("wallet"), number("amount"), reason()])),
        ("fealty.linked", Own::Link, fields(&[texts("identities")])),
        (REDEEM, Own::Redeem, fields(&[text("reward"), number_or("quantity", Num::ONE), flag("confirm")])),
        (REDEMPTION, Own::Redemption, fields(&[text("redemption"), text("act")])),
        (TRANSFER, Own::Transfer, fields(&[number("to"), text("wallet"), number("amount")])),
        (PLACE, Own::Place, fields(&[text("ladder"), text("level"), time_or_absent("until"), reason()])),
        (MERGE, Own::Merge, fields(&[number("absorb")])),
        (UNMERGE, Own::Unmerge, fields(&[number("absorbed")])),
        (JOIN, Own::Join, fields(&[number("with")])),
        (LEAVE, Own::Leave, fields(&[])),
        (ERASE, Own::Erase, fields(&[])),
        (CODES, Own::Codes, fields(&[text("pool"), texts("codes")])),
        (PUBLISHED, Own::Published, fields(&[number("version")])),
        (OPEN, Own::Open, fields(&opening())),
        (DUE, Own::Due, fields(&[])),
        (FOLLOW, Own::Follow, fields(&[])),
        (PART, Own::Part, fields(&[])),
    ]
});

pub const ADJUST: &str = "fealty.adjusted";
pub const LINK: &str = "fealty.linked";
pub const TRANSFER: &str = "fealty.transferred";
pub const MERGE: &str = "fealty.merged";
pub const PLACE: &str = "fealty.placed";
pub const REDEEM: &str = "fealty.redeemed";
pub const REDEMPTION: &str = "fealty.redemption";
pub const JOIN: &str = "fealty.joined";
pub const LEAVE: &str = "fealty.left";
pub const ERASE: &str = "fealty.erased";
pub const CODES: &str = "fealty.codes";
pub const PUBLISHED: &str = "fealty.published";
pub const OPEN: &str = "fealty.opened";
pub const DUE: &str = "fealty.due";
pub const FOLLOW: &str = "fealty.follows";
pub const PART: &str = "fealty.parts";
pub const UNMERGE: &str = "fealty.unmerged";

pub fn of_type(kind: &str) -> Option<Own> {
    ALL.iter().find(|(name, ..)| *name == kind).map(|(_, own, _)| *own)
}

impl Own {
    pub fn fields(self) -> &'static Fields {
        let found = ALL.iter().find(|(_, own, _)| *own == self);
        &found.expect("each has a type").2
    }

    /// Nobody can send it, not even the API.
    pub fn is_made(self) -> bool {
        matches!(self, Own::Due | Own::Follow | Own::Part)
    }
}

/// What a member brings from elsewhere; `fields` beside them is read by the program's own fields of a member.
fn opening() -> [Field; 8] {
    [
        time_or_absent("joined"),
        text_or_empty("wallet"),
        number_or("points", Num::ZERO),
        time_or_absent("expires_at"),
        text_or_empty("ladder"),
        text_or_empty("level"),
        time_or_absent("until"),
        reason(),
    ]
}

fn fields(all: &[Field]) -> Fields {
    Fields(all.to_vec())
}
pub fn text(name: &str) -> Field {
    Field { name: name.into(), ty: Type::Text, presence: Presence::Required }
}
pub fn number(name: &str) -> Field {
    Field { name: name.into(), ty: Type::Num, presence: Presence::Required }
}
/// A number that is this much where it is left out.
pub fn number_or(name: &str, or: Num) -> Field {
    Field { name: name.into(), ty: Type::Num, presence: Presence::Default(Value::Num(or)) }
}
/// False where it is left out.
pub fn flag(name: &str) -> Field {
    Field { name: name.into(), ty: Type::Bool, presence: Presence::Default(Value::Bool(false)) }
}
/// A text that is empty where it is left out.
pub fn text_or_empty(name: &str) -> Field {
    Field { name: name.into(), ty: Type::Text, presence: Presence::Default(Value::Text("".into())) }
}
pub fn time_or_absent(name: &str) -> Field {
    Field { name: name.into(), ty: Type::Time, presence: Presence::Optional }
}
pub fn texts(name: &str) -> Field {
    Field { name: name.into(), ty: Type::List(std::sync::Arc::new(Type::Text)), presence: Presence::Required }
}
fn reason() -> Field {
    text_or_empty("reason")
}
