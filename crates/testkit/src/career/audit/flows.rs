//! Workflows: a run waits at a step, goes on when its event comes or its time is over, and ends at an exit.

use jiff::ToSpan;
use serde_json::Value;

use super::history::{ONE, begin};
use super::{Book, Career, Order};
use crate::career::terms::{Act, Counter, On, Start, Unit, When};
use crate::club::ends::local;
use crate::sim::marks::Marks;

/// A workflow that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Going {
    /// Which, since when, and at which step.
    pub no: usize,
    pub begun: i64,
    pub step: usize,
    /// Since when it waits there, and how long at most.
    pub since: i64,
    pub until: Option<i64>,
    /// Steps whose event came.
    pub came: Vec<usize>,
}

fn after(at: i64, hours: i64, days: i64) -> i64 {
    (local(at) + days.days() + hours.hours()).timestamp().as_second()
}

impl Career {
    fn is(&self, on: On, kind: &str, order: Option<&str>) -> bool {
        let paid = |id: &str| self.orders.get(id).map_or(0, |order: &Order| order.cents);
        on.kind == kind && (kind != "order.paid" || order.map_or(0, paid) >= on.least * 100)
    }
    /// What happened ends, carries on and starts workflows.
    pub(super) fn flows(&mut self, book: &mut Book, kind: &str, order: Option<&str>, marks: &mut Marks) {
        let flows = self.terms.flows.clone();
        let member = self.member(book.no);
        let over = |going: &Going| flows[going.no].exit == Some(kind) && going.begun <= book.at;
        let before = member.flows.len();
        member.flows.retain(|going| !over(going));
        if member.flows.len() < before {
            marks.hit("workflow ended early");
        }
        let waiting: Vec<usize> = member.flows.iter().map(|going| going.no).collect();
        for no in waiting {
            let going = self.members[&book.no].flows.iter().find(|going| going.no == no);
            let Some(going) = going.filter(|going| going.since <= book.at) else { continue };
            let Act::WaitFor { on, .. } = flows[no].steps[going.step].act else { continue };
            if self.is(on, kind, order) {
                marks.hit("workflow went on with what it waited for");
                self.goes_on(book, no, true, marks);
            }
        }
        for (no, flow) in flows.iter().enumerate() {
            if let Start::On(on) = flow.start
                && self.is(on, kind, order)
            {
                self.start(book, no, marks);
            }
        }
    }
    pub(super) fn waits_end(&mut self, book: &mut Book, marks: &mut Marks) {
        let going = self.members[&book.no].flows.iter();
        let due = going.filter(|going| going.until.is_some_and(|until| until <= book.at));
        for (no, step) in due.map(|going| (going.no, going.step)).collect::<Vec<_>>() {
            let timed = matches!(self.terms.flows[no].steps[step].act, Act::WaitFor { .. });
            marks.hit(if timed { "workflow waited in vain" } else { "workflow waited its time" });
            self.goes_on(book, no, false, marks);
        }
    }
    /// Unless it runs, or ran too lately.
    pub(super) fn start(&mut self, book: &mut Book, no: usize, marks: &mut Marks) {
        let flow = &self.terms.flows[no];
        let (id, again, at) = (flow.id, flow.again, book.at);
        let member = self.member(book.no);
        if member.flows.iter().any(|going| going.no == no) {
            return marks.hit("workflow not begun: it runs");
        }
        if let Some(last) = member.started.get(id) {
            if again.is_none_or(|days| after(*last, 0, days) > at) {
                return marks.hit("workflow not begun: too soon, or once in a life");
            }
            marks.hit("workflow begun again");
        }
        member.started.insert(id, at);
        let going = Going { no, begun: at, step: 0, since: at, until: None, came: Vec::new() };
        self.walk(book, going, 0, marks);
    }
    fn goes_on(&mut self, book: &mut Book, no: usize, came: bool, marks: &mut Marks) {
        let all = &mut self.member(book.no).flows;
        let at = all.iter().position(|going| going.no == no).expect("it waits");
        let mut going = all.remove(at);
        let next = going.step + 1;
        if came {
            going.came.push(going.step);
        }
        self.walk(book, going, next, marks);
    }
    /// From this step on, until one waits.
    fn walk(&mut self, book: &mut Book, mut going: Going, from: usize, marks: &mut Marks) {
        let steps = self.terms.flows[going.no].steps.clone();
        for (at, step) in steps.iter().enumerate().skip(from) {
            let goes = match step.when {
                When::Always => true,
                When::Came(of) => going.came.contains(&of),
                When::Missed(of) => !going.came.contains(&of),
                When::Orders(least) => {
                    let orders = self.value(&self.members[&book.no], Counter::Orders, book.at);
                    orders >= i128::from(least) * ONE
                }
            };
            if !goes {
                continue;
            }
            let until = match step.act {
                Act::Earn(points) => {
                    self.grant(book, 0, points);
                    continue;
                }
                Act::Say => {
                    book.said.push("flow.said".to_owned());
                    continue;
                }
                Act::Stop => return marks.hit("workflow stopped by a step"),
                Act::Hours(hours) => Some(after(book.at, hours, 0)),
                Act::Days(days) => Some(after(book.at, 0, days)),
                Act::EndOfMonth => Some(begin(Unit::Month.after(local(book.at).date().first_of_month()))),
                Act::WaitFor { most, .. } => most.map(|days| after(book.at, 0, days)),
            };
            (going.step, going.since, going.until) = (at, book.at, until);
            self.member(book.no).flows.push(going);
            return;
        }
        marks.hit("workflow came to its end");
    }
    /// As stored.
    pub(super) fn going(&self, one: &Value) -> Option<Going> {
        use crate::club::audit::told::{instant, list};
        let no = self.terms.flows.iter().position(|flow| one["workflow"] == flow.id)?;
        let step = one["step"].as_u64()? as usize;
        let came = list(&one["came"]).map(|id| id.as_str()?.strip_prefix('s')?.parse().ok());
        let (begun, since) = (instant(&one["started_at"])?, instant(&one["since"])?);
        Some(Going {
            no,
            begun,
            step,
            since,
            until: instant(&one["until"]),
            came: came.collect::<Option<_>>()?,
        })
    }
}
