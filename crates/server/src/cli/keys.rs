//! `fealty keys`: makes, lists and revokes API keys. Works beside a running server, which takes notice within a second.

use clap::{Args, Subcommand};
use serde_json::json;
use store::{ApiKeyRow, NewApiKey};

use super::data::{Beside, Data};
use super::{FOUND, Failure, Place, SETTINGS, open, table};
use crate::keys::{Key, Scope};

#[derive(Args)]
pub struct Keys {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make a key; it is shown once
    Create(Create),
    /// List all keys; the keys themselves are not stored
    List(List),
    /// Revoke a key; from then on it is refused
    Revoke(Revoke),
}

#[derive(Args)]
struct Create {
    /// Whose key it is, or what for
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What it may do; may be given more than once or with commas
    #[arg(long = "scope", value_enum, value_delimiter = ',', required = true, value_name = "SCOPE")]
    scopes: Vec<Scope>,
    /// Days until it expires; 0 for never
    #[arg(long, default_value_t = 365, value_name = "DAYS")]
    expires_days: u32,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct List {
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct Revoke {
    /// The key's number, as `list` shows it
    #[arg(value_name = "NUMBER")]
    number: u64,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct Output {
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Keys {
    pub fn run(self) -> Result<u8, Failure> {
        match self.what {
            What::Create(create) => create.run(),
            What::List(list) => list.run(),
            What::Revoke(revoke) => revoke.run(),
        }
    }
}

impl Output {
    /// Beside those who serve.
    fn door(&self) -> Result<(Data, Beside), Failure> {
        let data = self.place.data(&self.place.file()?)?;
        let beside = data.beside()?;
        Ok((data, beside))
    }
}

impl Create {
    fn run(self) -> Result<u8, Failure> {
        let (data, beside) = self.output.door()?;
        let key = Key::random().map_err(|e| Failure::new(SETTINGS, "no random numbers", e))?;
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let expires_ms = (self.expires_days > 0).then(|| now_ms + i64::from(self.expires_days) * DAY_MS);
        let scopes: Vec<Box<str>> = self.scopes.iter().map(|scope| scope.name().into()).collect();
        let new = NewApiKey { name: &self.name, hash: key.hash(), scopes: &scopes, now_ms, expires_ms };
        let number = beside.admin.api_key_create(&new).map_err(|e| open::failed(&data, e))?;
        if self.output.json {
            println!(
                "{}",
                json!({"number": number, "name": self.name, "scopes": scopes, "key": key.text(), "expires_at": time(expires_ms)})
            );
        } else {
            println!("{}", key.text());
            eprintln!("key {number} ({}) may {}; it is shown this once", self.name, scopes.join(", "));
        }
        Ok(0)
    }
}

impl List {
    fn run(self) -> Result<u8, Failure> {
        let (data, beside) = self.output.door()?;
        let rows = beside.reader.api_key_list().map_err(|e| open::failed(&data, e))?;
        if self.output.json {
            let keys: Vec<_> = rows.iter().map(|row| json!({"number": row.no, "name": row.name, "scopes": row.scopes, "created_at": time(Some(row.created_ms)), "expires_at": time(row.expires_ms), "revoked_at": time(row.revoked_ms)})).collect();
            println!("{}", json!({ "keys": keys }));
            return Ok(0);
        }
        let mut cells = vec![["number", "name", "scopes", "created", "state"].map(str::to_owned).to_vec()];
        let now_ms = jiff::Timestamp::now().as_millisecond();
        for row in &rows {
            let created = time(Some(row.created_ms)).unwrap_or_default();
            cells.push(vec![
                row.no.to_string(),
                row.name.to_string(),
                row.scopes.join(","),
                day(&created),
                state(row, now_ms),
            ]);
        }
        print!("{}", table::render(&cells));
        Ok(0)
    }
}

impl Revoke {
    fn run(self) -> Result<u8, Failure> {
        let (data, beside) = self.output.door()?;
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let found = beside.admin.api_key_revoke(self.number, now_ms).map_err(|e| open::failed(&data, e))?;
        if !found {
            return Err(Failure::new(
                FOUND,
                format!("there is no key {}", self.number),
                "no such number is stored",
            )
            .fix("`fealty keys list` shows them"));
        }
        if self.output.json {
            println!("{}", json!({"number": self.number, "revoked": true}));
        } else {
            println!("key {} is revoked", self.number);
        }
        Ok(0)
    }
}

fn time(ms: Option<i64>) -> Option<String> {
    Some(jiff::Timestamp::from_millisecond(ms?).ok()?.to_string())
}

fn day(time: &str) -> String {
    time.chars().take(10).collect()
}

fn state(row: &ApiKeyRow, now_ms: i64) -> String {
    match (row.revoked_ms, row.expires_ms) {
        (Some(_), _) => "revoked".into(),
        (None, Some(ms)) if ms <= now_ms => "expired".into(),
        (None, Some(ms)) => format!("until {}", day(&time(Some(ms)).unwrap_or_default())),
        (None, None) => "active".into(),
    }
}
