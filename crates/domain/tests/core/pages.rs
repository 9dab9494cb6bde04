//! Members with so many lots that most lie on pages: whether a page is there or is asked for on the way changes nothing.

use std::fmt::Write as _;

use crate::world::*;
use domain::event::Event;
use proptest::prelude::*;

const CLUB: &str = r#"
program = { id = "club", currency = "EUR", timezone = "Europe/Berlin" }
wallets.points = { expires = "10 years", warn = "30 days", transfer = true, when_short = "debt" }
wallets.family = { expires = "2 years" }
households = { share = ["family"] }
rules.bonus = { on = "points.earned", when = 'points.amount == 7', earn.points = 3 }
rewards.mug = { cost.points = 40, gives.product = "mug" }
rewards.car = { cost.points = 900, gives.product = "car" }
rewards.cup = { cost.family = 25, gives.product = "cup" }
"#;

/// Orders over so many days earn as many different ends.
fn club() -> String {
    let mut text = CLUB.to_owned();
    for n in 0..10 {
        let earn = format!(r#"{{ amount = 'order.total', expires = "{} days" }}"#, 60 + 37 * n);
        let _ = writeln!(
            text,
            r#"rules.lot_{n} = {{ on = "order.paid", when = 'order.channel == "{n}"', earn.points = {earn} }}"#
        );
    }
    text.push_str(r#"rules.family = { on = "order.paid", when = 'order.channel == "family"', earn.family = 'order.total' }"#);
    text
}

#[derive(Clone, Debug)]
enum Step {
    Paid { channel: u8, total: u8 },
    Back { order: u8 },
    Redeemed(&'static str),
    Given(u8),
    Adjusted(i8),
    Passed(u8),
    Joined,
    Left,
    Merged,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..12_u8, 1..60_u8).prop_map(|(channel, total)| Step::Paid { channel, total }),
        6 => any::<u8>().prop_map(|order| Step::Back { order }),
        4 => prop::sample::select(&["mug", "car", "cup"][..]).prop_map(Step::Redeemed),
        3 => any::<u8>().prop_map(Step::Given),
        2 => any::<i8>().prop_map(Step::Adjusted),
        2 => any::<u8>().prop_map(Step::Passed),
        1 => Just(Step::Joined),
        1 => Just(Step::Left),
        1 => Just(Step::Merged),
    ]
}

const NAMES: [&str; 2] = ["email:ada@example.com", "email:bo@example.com"];

/// Two stores that get the same: one loads members whole, the other their pages when they are asked for.
struct Both {
    worlds: [World; 2],
    day: i64,
    sent: usize,
}

impl Both {
    fn new() -> Both {
        let mut worlds = [World::new(&club()), World::new(&club())];
        worlds[0].whole = true;
        Both { worlds, day: 0, sent: 0 }
    }

    fn now(&self) -> jiff::Timestamp {
        time("2027-01-01T12:00:00Z") + jiff::SignedDuration::from_hours(24 * self.day)
    }

    fn event(&mut self, name: usize, kind: &str, data: &str) -> Event {
        self.sent += 1;
        let mut event = of(NAMES[name], event(kind, &format!("e{}", self.sent), data));
        event.time = self.now();
        if kind.starts_with("fealty.") { api(event) } else { event }
    }

    fn send(&mut self, events: &[Event]) {
        let now = self.now();
        let told = self.worlds.each_mut().map(|world| {
            world.now = now;
            world.send_all(events).into_iter().map(|answer| (answer.pos, answer.decision)).collect::<Vec<_>>()
        });
        assert_eq!(told[0], told[1], "{events:?}");
    }

    fn paid(&mut self, channel: u8, total: u8) -> Event {
        let name = usize::from(channel == 11);
        let channel = if channel >= 10 { "family".to_owned() } else { channel.to_string() };
        let data = format!(r#"{{"id":"o{}","total":{total},"channel":"{channel}"}}"#, self.sent + 1);
        self.event(name, "order.paid", &data)
    }

    fn step(&mut self, step: &Step) {
        self.day += 1;
        let bo = self.worlds[0].member(NAMES[1]).no;
        let event = match step {
            Step::Paid { channel, total } => self.paid(*channel, *total),
            Step::Back { order } => {
                let data =
                    format!(r#"{{"order":{{"id":"o{}"}},"amount":5}}"#, usize::from(*order) % self.sent);
                nobody(self.event(0, "order.refunded", &data))
            }
            Step::Redeemed(reward) => {
                self.event(0, "fealty.redeemed", &format!(r#"{{"reward":"{reward}","confirm":true}}"#))
            }
            Step::Given(amount) => {
                let data = format!(r#"{{"to":{bo},"wallet":"points","amount":{amount}}}"#);
                self.event(0, "fealty.transferred", &data)
            }
            Step::Adjusted(amount) => {
                let data = format!(r#"{{"wallet":"points","amount":"{amount}","reason":"x"}}"#);
                self.event(0, "fealty.adjusted", &data)
            }
            Step::Passed(days) => {
                self.day += i64::from(*days);
                let until = self.now().to_string();
                self.worlds.iter_mut().for_each(|world| world.pass(&until));
                return;
            }
            Step::Joined => self.event(0, "fealty.joined", &format!(r#"{{"with":{bo}}}"#)),
            Step::Left => self.event(0, "fealty.left", "{}"),
            Step::Merged => self.event(0, "fealty.merged", &format!(r#"{{"absorb":{bo}}}"#)),
        };
        self.send(&[event]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_page_that_is_away_changes_nothing(
        before in prop::collection::vec((0..12_u8, 1..60_u8), 100..200),
        steps in prop::collection::vec(step(), 1..30),
    ) {
        let mut both = Both::new();
        let events: Vec<Event> = before.iter().map(|(channel, total)| {
            both.day += 1;
            both.paid(*channel, *total)
        }).collect();
        both.send(&events);
        let bo = both.event(1, "member.enrolled", "{}");
        both.send(&[bo]);
        for step in &steps {
            both.step(step);
        }
        let rows = both.worlds.each_ref().map(|world| {
            world.rows().iter().map(|row| (*row.decision).clone()).collect::<Vec<_>>()
        });
        prop_assert_eq!(&rows[0], &rows[1]);
        for name in NAMES {
            let [whole, paged] = both.worlds.each_ref().map(|world| world.member(name));
            prop_assert_eq!(whole, paged);
        }
prop_assert_eq!(both.worlds[0].asked.get(), 0);
    }
}
