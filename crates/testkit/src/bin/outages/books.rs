//! What lies in the database against what was acknowledged: the same events, each once, and the balances that they make.

use std::collections::BTreeMap;

use testkit::Server;
use testkit::postgres::ask;
use testkit::server::Launch;

use crate::load::{MEMBERS, SOURCE};

/// `acked`: id, member, points. Nothing else may be there either: every sender has told his last batch until it was taken.
pub fn agree(database: &str, servers: &[Server], acked: &BTreeMap<String, (i64, i64)>) -> Result<(), String> {
    let rows = ask(
        database,
        &format!(
            "SELECT e.id, count(*), count(t.amount), sum(t.amount), min(e.status) FROM events e
            LEFT JOIN transfers t USING (pos) WHERE e.source = '{SOURCE}' GROUP BY e.id"
        ),
    )?;
    let mut left: BTreeMap<&str, i64> = acked.iter().map(|(id, (_, points))| (&**id, *points)).collect();
    for row in rows.lines() {
        let id = row.split('|').next().unwrap_or_default();
        let Some(points) = left.remove(id) else {
            return Err(format!("nobody was told of this: {row}"));
        };
        if row != format!("{id}|1|1|{points}|applied") {
            return Err(format!("{id} should count once, with {points}: {row}"));
        }
    }
    if let Some((id, _)) = left.first_key_value() {
        return Err(format!("{} acknowledged events are lost, {id} among them", left.len()));
    }
    let ends = ask(
        database,
        "SELECT (SELECT count(*) = max(pos) FROM journal) AND (SELECT next_pos FROM head) = (SELECT max(pos) + 1 FROM journal)",
    )?;
    if ends != "t" {
        return Err("positions are not dense".into());
    }
    let mut sums: BTreeMap<i64, i64> = BTreeMap::new();
    acked.values().for_each(|(member, points)| *sums.entry(*member).or_default() += points);
    for (no, server) in servers.iter().enumerate() {
        let mut client = server.client();
        for member in 1..=MEMBERS {
            let told = client.get(&format!("/v1/members/pos:m{member}")).map_err(|e| e.to_string())?;
            let has = told.json()["wallets"]["points"]["available"].as_i64().unwrap_or(0);
            let due = sums.get(&member).copied().unwrap_or(0);
            if has != due {
                return Err(format!("process {no}: member {member} should have {due}: {}", told.body));
            }
        }
    }
    Ok(())
}

pub fn verify(launch: &Launch) -> Result<(), String> {
    match launch.run(&["verify", "--replay"]) {
        (Some(0), _) => Ok(()),
        (_, said) => Err(said),
    }
}
