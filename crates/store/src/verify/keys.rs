//! Keys: whatever must be found is found, and no event was taken twice.

use domain::event::Event;
use rusqlite::{Connection, OptionalExtension};

use super::Report;
use super::index::{Index, Share};
use crate::StoreError;
use crate::keys::run::{self, ENTRY, Run, page_at, page_of};
use crate::sqlite::form;

/// Those of the share: (key, position). What is wrong with them is told with the first share.
pub fn stored(conn: &Connection, share: Share, report: &mut Report) -> rusqlite::Result<Vec<(u64, u64)>> {
    let mut aside = Report::default();
    let report = if share.no == 0 { report } else { &mut aside };
    let mut stored = Vec::new();
    match run::load(conn) {
        Ok(runs) => {
            for run in &runs {
                read_run(conn, run, share, &mut stored, report)?;
            }
            let sealed = runs.iter().map(|run| run.last_pos).max().unwrap_or(0);
            read_tail(conn, sealed, share, &mut stored, report)?;
        }
        Err(StoreError::Corrupt(why)) => report.file("keys", why),
        Err(other) => report.file("keys", format!("the runs cannot be read: {other}")),
    }
    Ok(stored)
}

pub fn check(
    conn: &Connection,
    index: &mut Index,
    last_pos: u64,
    report: &mut Report,
) -> rusqlite::Result<()> {
    let mut stored = stored(conn, index.share, report)?;
    report.keys += stored.len() as u64;
    for (_, pos) in stored.iter().filter(|entry| entry.1 == 0 || entry.1 > last_pos) {
        report.row("keys", *pos, "a key names a row that is not there");
    }
    stored.sort_unstable();
    for entry in &index.keys {
        if stored.binary_search(entry).is_err() {
            report.row("keys", entry.1, "it is not found by its event or order");
        }
    }
    twice(conn, index, report)
}

/// Two rows with one name: those whose keys are alike are read and compared.
fn twice(conn: &Connection, index: &mut Index, report: &mut Report) -> rusqlite::Result<()> {
    index.events.sort_unstable();
    for alike in index.events.chunk_by(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1) {
        let mut names = Vec::new();
        for (_, pos) in alike {
            let Some(event) = event_at(conn, *pos)? else { continue };
            let name = (event.source, event.id);
            match names.iter().find(|(_, known)| *known == name) {
                Some((first, _)) => report.row("once", *pos, format!("the same event is row {first}")),
                None => names.push((*pos, name)),
            }
        }
    }
    Ok(())
}

fn event_at(conn: &Connection, pos: u64) -> rusqlite::Result<Option<Event>> {
    let mut select = conn.prepare_cached("SELECT input FROM journal WHERE pos = ?1")?;
    let input: Option<Option<String>> = select.query_row([pos], |r| r.get(0)).optional()?;
    Ok(input.flatten().and_then(|input| form::input_from_json(&input).ok()).map(|(event, _)| event))
}

fn read_run(
    conn: &Connection,
    run: &Run,
    share: Share,
    stored: &mut Vec<(u64, u64)>,
    report: &mut Report,
) -> rusqlite::Result<()> {
    let mut select =
        conn.prepare_cached("SELECT at, entries FROM run_page WHERE at >= ?1 AND at < ?2 ORDER BY at")?;
    let mut rows = select.query([page_at(run.no, 0), page_at(run.no + 1, 0)])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let (at, bytes): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let page: Vec<(u64, u64)> = run::entries(&bytes).collect();
        let here = page.iter().all(|entry| page_at(run.no, page_of(entry.0, run.bits)) == at);
        if bytes.len() % ENTRY != 0 || !page.is_sorted() || !here {
            report.file("keys", format!("a page of run {} is damaged", run.no));
        }
        if !page.iter().all(|entry| run.filter.has(entry.0)) {
            report.file("keys", format!("the filter of run {} does not know all its keys", run.no));
        }
        count += page.len();
        stored.extend(page.into_iter().filter(|entry| share.has(entry.0)));
    }
    if count != run.count {
        report.file("keys", format!("run {} has {count} keys, not {}", run.no, run.count));
    }
    Ok(())
}

fn read_tail(
    conn: &Connection,
    sealed: u64,
    share: Share,
    stored: &mut Vec<(u64, u64)>,
    report: &mut Report,
) -> rusqlite::Result<()> {
    let mut select = conn.prepare("SELECT pos, entries FROM tail_keys WHERE pos > ?1")?;
    let mut rows = select.query([sealed])?;
    while let Some(row) = rows.next()? {
        let (pos, bytes): (u64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        if bytes.len() % ENTRY != 0 {
            report.row("keys", pos, "its batch's keys are damaged");
        }
        stored.extend(run::entries(&bytes).filter(|entry| share.has(entry.0)));
    }
    Ok(())
}
