//! Goals that are reached again and again: never more often than was done for them, whatever order it is told in.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::world::{World, at, event, time};

const TOML: &str = r#"
program = { id = "shop", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = {}
events."visit.made" = {}
counters.recent = { on = "visit.made", per = "7 days" }
counters.run = { on = "visit.made", streak = "day" }
counters.week = { on = "visit.made", per = "week" }
achievements.recent = { needs.recent = 2, repeat = true, earn.points = 1 }
achievements.run = { needs.run = 3, repeat = true, earn.points = 1 }
achievements.week = { needs.week = 2, repeat = true, earn.points = 1 }
"#;

/// Visits by their hour since Monday, 1 March 2027, told in this order; how often each goal was reached.
fn reached(hours: &[u32]) -> [u32; 3] {
    let mut world = World::new(TOML);
    let first = time("2027-03-01T00:30:00+01:00");
    let visits = hours.iter().enumerate().map(|(n, hour)| {
        let when = first + jiff::SignedDuration::from_hours(i64::from(*hour));
        at(&when.to_string(), event("visit.made", &format!("v{n}"), "{}"))
    });
    world.send_all(&visits.collect::<Vec<_>>());
    let ada = world.ada();
    assert_eq!(world.points().0, ada.achieved.iter().map(|one| i64::from(one.times)).sum::<i64>());
    ["recent", "run", "week"]
        .map(|id| ada.achieved.iter().find(|one| one.id == id).map_or(0, |one| one.times))
}

fn days(hours: &[u32]) -> BTreeSet<u32> {
    hours.iter().map(|hour| hour / 24).collect()
}

/// Threes in runs of days.
fn threes(days: &BTreeSet<u32>) -> u32 {
    let begins = days.iter().filter(|day| !day.checked_sub(1).is_some_and(|before| days.contains(&before)));
    begins.map(|begin| (*begin..).take_while(|day| days.contains(day)).count() as u32 / 3).sum()
}

/// Pairs in weeks that begin on Monday.
fn pairs(hours: &[u32]) -> u32 {
    let weeks: BTreeSet<u32> = hours.iter().map(|hour| hour / 168).collect();
    weeks.iter().map(|week| hours.iter().filter(|hour| *hour / 168 == *week).count() as u32 / 2).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// 26 days, so that no clock is changed.
    #[test]
    fn nothing_is_completed_more_often_than_was_done(hours in prop::collection::vec(0..624_u32, 1..70)) {
        let [recent, run, week] = reached(&hours);
        prop_assert!(recent <= hours.len() as u32 / 2);
        prop_assert!(run <= threes(&days(&hours)));
        prop_assert_eq!(week, pairs(&hours), "a calendar week counts what is told late, too");
        let mut sorted = hours.clone();
        sorted.sort_unstable();
        let [recent, run, week] = reached(&sorted);
        prop_assert!(recent <= hours.len() as u32 / 2 && recent >= pairs(&hours).min(1));
        prop_assert_eq!((run, week), (threes(&days(&hours)), pairs(&hours)), "told in order, all of it counts");
    }
}

/// What is stored of a program has its keys in the order of their names: it must be the same program.
#[test]
fn which_counter_is_the_first_does_not_hang_on_the_order_of_lines() {
    for needs in ["needs.week = 2\nneeds.recent = 1", "needs.recent = 1\nneeds.week = 2"] {
        let toml = format!("{TOML}\n[achievements.both]\n{needs}\nearn.points = 1\n");
        let plan = super::world::plan(&toml, 1);
        let both = plan.achievements.iter().find(|one| one.id == "both").expect("it is there");
        let first = usize::from(both.needs[0].0);
        assert_eq!(&*plan.counters[first].id, "recent", "{needs}");
    }
}
