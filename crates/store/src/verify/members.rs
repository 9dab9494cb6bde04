//! Stored members and names against what the journal says of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::identity::Identity;
use domain::member::{Lot, Member, WalletState};
use rusqlite::Connection;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;

use super::Report;
use super::journal;
use super::ledger::{Ledger, Told, Wallet};
use super::orders::Held;
use super::pages;
use crate::sqlite::{lot_page, sweep};

pub fn check(
    conn: &Connection,
    told: &mut journal::Told,
    held: &Held,
    report: &mut Report,
) -> rusqlite::Result<()> {
    let mut names = identities(conn, report)?;
    given(&names, &told.names, report);
    let journal::Told { ledger, standing, .. } = told;
    let (mut homes, mut residents) = (BTreeSet::new(), BTreeSet::new());
    let mut recent = tail(conn, report)?;
    let mut spoken_of = HashSet::new();
    let mut one = |no: u64, image: &str, report: &mut Report| {
        report.members += 1;
        let member = match read(conn, no, image, &mut spoken_of) {
            Ok(member) => member,
            Err((law, why)) => {
                report.member(law, no, why);
                ledger.members.entry(no).or_default().seen = true;
                return;
            }
        };
        if member.no != no {
            report.member("member", no, format!("it says that it is {}", member.no));
        }
        for identity in &member.identities {
            if names.remove(identity) != Some(no) {
                report.member("identity", no, format!("{} is not its name in the index", identity.as_str()));
            }
        }
        homes.extend(member.home.iter().map(|home| (home.no, no, home.since)));
        let living = member.household.iter().flat_map(|household| &household.residents);
        residents.extend(living.map(|one| (no, one.no, one.since)));
        let told = ledger.members.entry(no).or_default();
        told.seen = true;
        compare(no, &member, told, report);
        standing.member(&member, report);
        limits(no, &member, held, report);
    };
    pages::each(conn, "member_swept", ("no", "image"), report, |row, report| {
        let no: u64 = row.get(0)?;
        match recent.remove(&no) {
            Some(image) => one(no, &image, report),
            None => one(no, row.get_ref(1)?.as_str()?, report),
        }
        Ok(())
    })?;
    recent.iter().for_each(|(no, image)| one(*no, image, report));
    pages::each(conn, "lot_page", ("at", "1"), report, |row, report| {
        let at: i64 = row.get(0)?;
        if !spoken_of.contains(&at) {
            report.member("lots", lot_page::owner(at), format!("it does not speak of page {at} of lots"));
        }
        Ok(())
    })?;
    for (home, no, _) in homes.symmetric_difference(&residents) {
        report.member("household", *no, format!("he and household {home} do not agree that he is in it"));
    }
    for (name, no) in names {
        report.member(
            "identity",
            no,
            format!("{} leads to it, and it does not know the name", name.as_str()),
        );
    }
    lost(ledger, report);
    Ok(())
}

/// His pages of lots are there and as he says.
fn read_lots(conn: &Connection, no: u64, member: &mut Member) -> Result<(), String> {
    match lot_page::put(conn.into(), no, member) {
        Ok(None) => member.read_pages(),
        Ok(Some(page)) => Err(format!("page {page} of its lots is not there")),
        Err(e) => Err(format!("its pages of lots cannot be read: {e}")),
    }
}

/// Names as they are stored against those that rows gave.
fn given(names: &HashMap<Identity, u64>, told: &HashMap<Identity, u64>, report: &mut Report) {
    for (name, no) in names {
        if told.get(name) != Some(no) {
            report.member("identity", *no, format!("no row gave it the name {}", name.as_str()));
        }
    }
    for (name, no) in told {
        if !names.contains_key(name) {
            report.member("identity", *no, format!("its name {} leads nowhere", name.as_str()));
        }
    }
}

/// A member with all his lots. Err: the law that he breaks.
fn read(
    conn: &Connection,
    no: u64,
    image: &str,
    pages: &mut HashSet<i64>,
) -> Result<Member, (&'static str, String)> {
    let member: Result<Member, _> = serde_json::from_str(image);
    let mut member = member.map_err(|e| ("member", format!("it cannot be read: {e}")))?;
    pages.extend(member.page_numbers().map(|page| lot_page::at(no, page)));
    read_lots(conn, no, &mut member).map_err(|why| ("lots", why))?;
    Ok(member)
}

fn lost(ledger: &Ledger, report: &mut Report) {
    let mut lost: Vec<u64> =
        ledger.members.iter().filter(|(_, told)| !told.seen).map(|(no, _)| *no).collect();
    lost.sort_unstable();
    for no in lost {
        report.member("member", no, "the journal speaks of it, and it is not stored");
    }
}

/// States that are not in their rows yet, the newest of each member.
fn tail(conn: &Connection, report: &mut Report) -> rusqlite::Result<BTreeMap<u64, String>> {
    let mut recent = BTreeMap::new();
    pages::each(conn, "member_tail", ("pos", "images"), report, |row, report| {
        let (pos, text) = (row.get(0)?, row.get_ref(1)?.as_str()?);
        match sweep::parts(text) {
            Ok(parts) => recent.extend(parts.into_iter().map(|(no, at)| (no, text[at].to_owned()))),
            Err(e) => report.row("member", pos, format!("the members of its batch cannot be read: {e}")),
        }
        Ok(())
    })?;
    Ok(recent)
}

fn identities(conn: &Connection, report: &mut Report) -> rusqlite::Result<HashMap<Identity, u64>> {
    let mut select = conn.prepare("SELECT name, member FROM identity")?;
    let read = |r: &rusqlite::Row| Ok((name(&r.get::<_, String>(0)?), r.get(1)?));
    let names: HashMap<Identity, u64> = select.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
    report.identities = names.len() as u64;
    Ok(names)
}

/// As it is stored, whatever its form.
fn name(text: &str) -> Identity {
    let text: StrDeserializer<serde::de::value::Error> = text.into_deserializer();
    Identity::deserialize(text).expect("an identity is a text")
}

fn compare(no: u64, member: &Member, told: &Told, report: &mut Report) {
    if member.last_pos != told.last_pos {
        report.member(
            "member chain",
            no,
            format!("its newest row is {}, not {}", told.last_pos, member.last_pos),
        );
    }
    if member.changes != told.changes {
        report.member("member_seq", no, format!("it changed {} times, not {}", told.changes, member.changes));
    }
    let home = member.home.as_ref().map(|home| home.no);
    if home != told.home {
        let what = format!("by his rows he is in household {:?}, not {home:?}", told.home);
        report.member("household", no, what);
    }
    for wallet in &told.wallets {
        match member.wallets.iter().find(|stored| stored.id == wallet.id) {
            Some(stored) => compare_wallet(no, stored, wallet, report),
            None => report.member("balance", no, format!("wallet {} is not stored", wallet.id)),
        }
    }
    for stored in &member.wallets {
        let empty =
            stored.available == 0 && stored.debt == 0 && stored.pending == 0 && stored.lots.is_empty();
        if !empty && !told.wallets.iter().any(|wallet| wallet.id == stored.id) {
            report.member(
                "balance",
                no,
                format!("nothing ever moved in wallet {}, and it is not empty", stored.id),
            );
        }
    }
}

/// A limit cannot show less use than the orders that stand.
fn limits(no: u64, member: &Member, held: &Held, report: &mut Report) {
    for limit in &member.limits {
        if limit.parts.iter().any(|part| part.1 < 0) || !limit.parts.is_sorted_by(|a, b| a.0 < b.0) {
            report.member("limit", no, format!("the use of {} is not in order", limit.id));
        }
        for (window, is) in &limit.parts {
            let least = held.get(&(no, limit.id.clone(), *window)).copied().unwrap_or(0);
            if i128::from(*is) < least {
                let what = format!("of {}, window {window}, {is} is used, but orders hold {least}", limit.id);
                report.member("limit", no, what);
            }
        }
    }
}

fn compare_wallet(no: u64, stored: &WalletState, told: &Wallet, report: &mut Report) {
    let balance = [
        ("available", stored.available, told.available),
        ("pending", stored.pending, told.pending),
        ("debt", stored.debt, told.debt),
    ];
    for (what, is, must) in balance {
        if i128::from(is) != must {
            report.member(
                "balance",
                no,
                format!("{what} {} is {is}, and {must} by its transfers", stored.id),
            );
        }
    }
    if !stored.lots.is_in_order() {
        report.member("lots", no, format!("its lots of {} are not in spending order", stored.id));
    }
    let sum: i128 = stored.lots.iter().map(|lot| i128::from(lot.remaining)).sum();
    if sum != i128::from(stored.available.max(0)) || stored.lots.iter().any(|lot| lot.remaining <= 0) {
        report.member("lots", no, format!("its lots of {} hold {sum}, not what is available", stored.id));
    }
    // Where lots were joined, only their sum can be told from transfers; a lot that took others in shows below 0.
    let joined = stored.lots.iter().any(|lot| lot.joined > 0) || told.joined;
    let (is, must) = (by_name(stored), told.lots.iter().copied().collect());
    if !joined && is.as_ref() != Some(&must) {
        let is: Vec<_> = stored.lots.iter().map(|lot| ((lot.pos, lot.n), lot.remaining)).collect();
        let what = format!("its lots of {} are {is:?}, and {must:?} by its transfers", stored.id);
        report.member("lots", no, what);
    }
}

/// What is left of each lot. One gave a part of it to another, and both brought it into a household: transfers do not tell
/// such parts apart. They are of different members, and end together; None: two are not.
fn by_name(stored: &WalletState) -> Option<BTreeMap<(u64, u16), i128>> {
    let mut parts: Vec<_> = stored.lots.iter().collect();
    parts.sort_unstable_by_key(|lot| (lot.id(), lot.by));
    let lawful = |two: &[&Lot]| two[0].by != two[1].by && two[0].expires_at == two[1].expires_at;
    let mut names = BTreeMap::new();
    for lot in &parts {
        *names.entry(lot.id()).or_insert(0) += i128::from(lot.remaining);
    }
    parts.windows(2).all(|two| two[0].id() != two[1].id() || lawful(two)).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where transfers speak of 118 of lot (3, 0), and these parts are stored: (what is left, who put it in,
    /// the second at which it ends).
    fn found(parts: &[(i64, Option<u64>, i64)]) -> bool {
        let lot = |(remaining, by, end): &(i64, Option<u64>, i64)| Lot {
            pos: 3,
            n: 0,
            remaining: *remaining,
            joined: 0,
            expires_at: jiff::Timestamp::from_second(*end).ok(),
            by: *by,
        };
        let mut stored = WalletState::new("points");
        stored.lots = parts.iter().map(lot).collect();
        stored.available = parts.iter().map(|part| part.0).sum();
        let available = stored.available.into();
        let lots = vec![((3, 0), 118)];
        let told = Wallet { id: "points".into(), available, pending: 0, debt: 0, lots, joined: false };
        let mut report = Report::default();
        compare_wallet(9, &stored, &told, &mut report);
        !report.breaches.is_empty()
    }

    #[test]
    fn parts_of_a_lot_lie_in_a_household_by_member() {
        assert!(!found(&[(118, None, 60)]));
        assert!(!found(&[(43, Some(2), 60), (75, Some(4), 60)]));
        assert!(found(&[(43, Some(2), 60), (74, Some(4), 60)]), "a point is lost");
        assert!(found(&[(43, Some(2), 60), (75, Some(2), 60)]), "one member has one part");
        assert!(found(&[(43, None, 60), (75, None, 60)]), "nobody else is there");
        assert!(found(&[(43, Some(2), 60), (75, Some(4), 61)]), "a part has got another date");
    }
}
