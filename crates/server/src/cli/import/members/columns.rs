//! Which column holds what: said by the person, known of the product that made the file, or named like a field that the
//! program declares of a member. Names are compared without regard to case, spaces and signs.

use std::collections::HashSet;

use domain::plan::{Canon, Plan};
use domain::value::{Field, Fields};

use super::Members;
use crate::cli::Failure;
use crate::settings::distance;

/// What a column may hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Email,
    Phone,
    /// The shop's own id of the customer.
    Customer,
    Identity(String),
    Points,
    Expires,
    Tier,
    Until,
    Joined,
    Referral,
    Status,
    BirthYear,
    BirthMonth,
    BirthDay,
    Field(String),
}

/// Words of `--column WHAT=…`.
const WORDS: [(&str, What); 13] = [
    ("email", What::Email),
    ("phone", What::Phone),
    ("customer", What::Customer),
    ("points", What::Points),
    ("expires", What::Expires),
    ("tier", What::Tier),
    ("until", What::Until),
    ("joined", What::Joined),
    ("referral", What::Referral),
    ("status", What::Status),
    ("birth_year", What::BirthYear),
    ("birth_month", What::BirthMonth),
    ("birth_day", What::BirthDay),
];

impl What {
    fn parse(word: &str) -> Option<What> {
        if let Some((_, what)) = WORDS.iter().find(|(name, _)| *name == word) {
            return Some(what.clone());
        }
        if let Some(kind) = word.strip_prefix("identity.") {
            return Some(What::Identity(kind.to_owned()));
        }
        match word.strip_prefix("field.") {
            Some(name) => Some(What::Field(name.to_owned())),
            None if word == "birthday" => Some(What::Field("birthday".to_owned())),
            None => None,
        }
    }

    pub fn word(&self) -> String {
        match self {
            What::Identity(kind) => format!("identity.{kind}"),
            What::Field(name) => format!("field.{name}"),
            what => WORDS.iter().find(|(_, known)| known == what).map_or("", |(word, _)| word).to_owned(),
        }
    }

    /// It says who somebody is.
    pub fn is_name(&self) -> bool {
        matches!(self, What::Email | What::Phone | What::Customer | What::Identity(_))
    }
}

/// Whose export the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Vendor {
    Smile,
    Loyaltylion,
    Yotpo,
}

type Names = [(What, &'static [&'static str])];

/// What all of them have in common; the first that is there counts.
const COMMON: &Names = &[
    (What::Email, &["email", "email_address", "customer_email"]),
    (What::BirthYear, &["birth_year", "swell_birth_year"]),
    (What::BirthMonth, &["birth_month", "swell_birth_month"]),
    (What::BirthDay, &["birth_day", "swell_birth_day"]),
];
/// As birthdays are called, wherever.
const BIRTHDAYS: &[&str] =
    &["birthday", "date_of_birth", "birth_date", "birthdate", "dob", "birthday_mm_dd", "birthday_mm_dd_yyyy"];

const SMILE: &Names = &[
    (What::Points, &["points_balance", "points", "current_points_balance"]),
    (What::Expires, &["points_expire_at", "points_expiry_date", "points_expire_on"]),
    (What::Tier, &["vip_tier_name", "vip_tier", "tier_name", "tier"]),
    (What::Until, &["vip_tier_expires_at", "vip_tier_expiry_date", "tier_expires_at"]),
    (What::Joined, &["joined_at", "date_joined", "member_since", "created_at", "date_created"]),
    (What::Referral, &["referral_url", "referral_link", "referral_code"]),
    (What::Status, &["state", "customer_status", "status"]),
    (What::Customer, &["customer_id", "platform_id", "external_id", "shopify_customer_id"]),
];
const LOYALTYLION: &Names = &[
    (What::Points, &["points_approved", "approved_points", "current_points", "points_balance", "points"]),
    (What::Expires, &["points_expire_at", "points_expiration_date", "points_expire_on"]),
    (What::Tier, &["tier", "tier_name", "current_tier", "loyalty_tier", "loyalty_tier_name"]),
    (What::Until, &["tier_expires_at", "tier_expiration_date", "tier_membership_expires_at"]),
    (What::Joined, &["enrolled_at", "enrollment_date", "date_enrolled", "created_at"]),
    (What::Referral, &["referral_url", "referral_link", "referral_id"]),
    (What::Status, &["state", "status", "enrolled"]),
    (What::Customer, &["merchant_id", "customer_id", "customer_merchant_id", "shopify_id"]),
];
const YOTPO: &Names = &[
    (
        What::Points,
        &["points_balance", "point_balance", "current_points_balance", "swell_point_balance", "points"],
    ),
    (What::Expires, &["points_expire_at", "points_expire_on", "swell_points_expire_at"]),
    (What::Tier, &["vip_tier_name", "vip_tier", "swell_vip_tier_name", "tier"]),
    (What::Until, &["vip_tier_ends_at", "swell_vip_tier_ends_at", "vip_tier_end_date"]),
    (What::Joined, &["member_since", "opted_in_at", "created_at", "customer_since"]),
    (What::Referral, &["referral_link", "swell_referral_link", "referral_url", "referral_code"]),
    (What::Status, &["opted_in", "opt_in_status", "status"]),
    (What::Customer, &["customer_id", "third_party_id", "external_id", "shopify_customer_id"]),
];

impl Vendor {
    pub fn title(self) -> &'static str {
        match self {
            Vendor::Smile => "Smile.io",
            Vendor::Loyaltylion => "LoyaltyLion",
            Vendor::Yotpo => "Yotpo",
        }
    }
    fn names(self) -> impl Iterator<Item = &'static (What, &'static [&'static str])> {
        let own = match self {
            Vendor::Smile => SMILE,
            Vendor::Loyaltylion => LOYALTYLION,
            Vendor::Yotpo => YOTPO,
        };
        COMMON.iter().chain(own)
    }
}

/// A column and what it holds.
pub struct Column {
    pub at: usize,
    pub what: What,
    pub name: String,
}

pub struct Columns {
    pub used: Vec<Column>,
    /// Columns that nothing is taken from, and why, where that is worth a word.
    pub unused: Vec<(String, &'static str)>,
}

/// `Points Balance` as `points_balance`.
pub fn form(name: &str) -> String {
    let mut form = String::new();
    for c in name.trim().chars() {
        match c {
            c if c.is_alphanumeric() => form.extend(c.to_lowercase()),
            _ if form.ends_with('_') || form.is_empty() => {}
            _ => form.push('_'),
        }
    }
    form.trim_end_matches('_').to_owned()
}

fn is_called(header: &str, name: &str) -> bool {
    // `Birth Day` is half of what `Birthday` is.
    header == name
        || (name != "birth_day" && header != "birth_day" && header.replace('_', "") == name.replace('_', ""))
}

impl Columns {
    pub fn find(ask: &Members, header: &[String], plan: &Plan) -> Result<Columns, Failure> {
        let fields = declared(plan);
        let forms: Vec<String> = header.iter().map(|name| form(name)).collect();
        let mut seen = HashSet::new();
        if let Some(twice) = forms.iter().position(|form| !form.is_empty() && !seen.insert(form)) {
            return Err(fault(format!("there are two columns `{}`", header[twice]), "rename one of them"));
        }
        let mut columns = Columns { used: Vec::new(), unused: Vec::new() };
        for said in &ask.columns {
            let (what, name) = said_so(said, fields)?;
            let at = forms.iter().position(|form| is_called(form, &self::form(&name)));
            let Some(at) = at else { return Err(no_column(&name, header)) };
            columns.take(at, what, header)?;
        }
        for (what, names) in ask.from.iter().flat_map(|vendor| vendor.names()) {
            columns.first(what.clone(), names, &forms, header);
        }
        let is_split = columns.holds(&What::BirthMonth).is_some();
        if ask.from.is_some() && !is_split {
            columns.first(What::Field("birthday".into()), BIRTHDAYS, &forms, header);
        }
        for field in &fields.0 {
            columns.first(What::Field(field.name.to_string()), &[&*field.name], &forms, header);
        }
        columns.leave_out(ask, header, plan);
        if !columns.used.iter().any(|column| column.what.is_name()) {
            let why = format!("no column says who somebody is; there are: {}", header.join(", "));
            return Err(fault(why, "name it with --column email=COLUMN"));
        }
        columns.used.sort_by_key(|column| column.at);
        Ok(columns)
    }

    pub fn holds(&self, what: &What) -> Option<&Column> {
        self.used.iter().find(|column| column.what == *what)
    }

    fn take(&mut self, at: usize, what: What, header: &[String]) -> Result<(), Failure> {
        if let Some(other) = self.holds(&what) {
            let why = format!("`{}` and `{}` are both said to be {}", other.name, header[at], what.word());
            return Err(fault(why, "say one of them"));
        }
        self.used.push(Column { at, what, name: header[at].clone() });
        Ok(())
    }

    /// The first of these names that is a column nobody has taken.
    fn first(&mut self, what: What, names: &[&str], forms: &[String], header: &[String]) {
        if self.holds(&what).is_some() {
            return;
        }
        let free = |at: &usize| !self.used.iter().any(|column| column.at == *at);
        let at =
            names.iter().find_map(|name| forms.iter().position(|form| is_called(form, name)).filter(free));
        if let Some(at) = at {
            self.used.push(Column { at, what, name: header[at].clone() });
        }
    }

    /// What cannot be taken in, though it is understood; and what is not understood.
    fn leave_out(&mut self, ask: &Members, header: &[String], plan: &Plan) {
        let (fields, mut said) = (declared(plan), Vec::new());
        self.used.retain(|column| {
            let why = match &column.what {
                What::Customer if ask.customers.is_none() => "--customers shopify:customer takes it",
                What::Tier | What::Until if plan.ladders.is_empty() => "the program has no ladder",
                What::Points | What::Expires if plan.wallets.is_empty() => "the program has no wallet",
                What::Field(name) if fields.slot(name).is_none() => "the program declares no such field",
                _ => return true,
            };
            said.push((column.name.clone(), why));
            false
        });
        for (at, name) in header.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let known =
                self.used.iter().any(|column| column.at == at) || said.iter().any(|(left, _)| left == name);
            if !known {
                said.push((name.clone(), ""));
            }
        }
        self.unused = said;
    }
}

/// What the program declares of a member.
pub fn declared(plan: &Plan) -> &Fields {
    let updated = plan.types.iter().find(|ty| ty.canon == Canon::MemberUpdated);
    &updated.expect("every program has it").fields
}

/// `WHAT=COLUMN` of a person.
fn said_so(said: &str, fields: &Fields) -> Result<(What, String), Failure> {
    let words = WORDS.map(|(word, _)| word).join(", ");
    let fix =
        format!("write --column WHAT=COLUMN, where WHAT is {words}, birthday, field.NAME or identity.KIND");
    let (word, name) = said
        .split_once('=')
        .ok_or_else(|| fault(format!("`{said}` does not say what the column holds"), &fix))?;
    let Some(what) = What::parse(word.trim()) else {
        return Err(fault(format!("nothing is called `{word}`"), &fix));
    };
    if let What::Field(field) = &what
        && fields.slot(field).is_none()
    {
        let names: Vec<&str> = fields.0.iter().map(|field: &Field| &*field.name).collect();
        let why = format!("members have no field `{field}`; they have: {}", names.join(", "));
        return Err(fault(why, "declare it under [member] of the program"));
    }
    Ok((what, name.trim().to_owned()))
}

fn no_column(name: &str, header: &[String]) -> Failure {
    let why = format!("there is no column `{name}`; there are: {}", header.join(", "));
    match near(name, header.iter().map(String::as_str)) {
        Some(near) => fault(why, &format!("did you mean `{near}`?")),
        None => fault(why, "write it as it stands in the first line"),
    }
}

/// What was perhaps meant.
pub fn near<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = form(name);
    let far = |other: &&str| distance(&name, &form(other));
    known.min_by_key(far).filter(|other| far(other) <= 1 + name.chars().count() / 4)
}

pub fn fault(why: impl Into<String>, fix: &str) -> Failure {
    Failure::settings("cannot read the columns", why.into()).fix(fix)
}
