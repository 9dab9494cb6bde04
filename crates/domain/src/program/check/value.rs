//! The forms of values: what may stand where, and what is said when something else does.

use super::shape::{Walk, id_hint, is_event_type, is_id};
use crate::condition::Code;
use crate::currency;
use crate::num::Num;
use crate::program::language::Form;
use crate::program::read::{Kind, Node};
use crate::term::{Term, Wait};
use crate::time::{Span, UNITS, Unit, WEEKDAYS, Window};

impl Walk<'_, '_> {
    pub fn form(&mut self, node: &Node, form: &Form, path: &str) {
        match form {
            // Types of fields, values of params and payloads are read where they are compiled.
            Form::Any | Form::FieldType | Form::Param => {}
            Form::Keys(keys) => self.keys(node, keys, None, path),
            Form::KeysAnd(keys, word, other) => self.keys(node, keys, Some((word, other)), path),
            Form::Names(form) => self.names(node, form, path),
            Form::List(form) => self.list(node, form, path),
            Form::OneOrMore(form) => match &node.kind {
                Kind::List(_) => self.list(node, form, path),
                _ => self.form(node, form, path),
            },
            Form::Either(forms) => match forms.iter().find(|f| accepts(f, node)) {
                Some(form) => self.form(node, form, path),
                None => self.form(node, &forms[0], path),
            },
            Form::Bool => self.expect(node, path, node.bool().is_some(), "true or false"),
            Form::Number | Form::Whole(..) | Form::Between(..) => self.number(node, form, path),
            Form::NumberOrPath | Form::Amount => {
                let fits = node.number().is_some() || node.text().is_some();
                self.expect(node, path, fits, "a number or an expression");
            }
            Form::Expression => self.expect(node, path, node.text().is_some(), "an expression in quotes"),
            Form::Condition => match &node.kind {
                Kind::List(list) => list.iter().for_each(|n| self.form(n, &Form::Expression, path)),
                _ => self.form(node, &Form::Expression, path),
            },
            _ => self.word(node, form, path),
        }
    }

    fn expect(&mut self, node: &Node, path: &str, fits: bool, expected: &str) {
        if !fits {
            self.wrong(node, path, expected, "");
        }
    }

    fn number(&mut self, node: &Node, form: &Form, path: &str) {
        let Some(n) = node.number().or_else(|| if self.json { node.decimal() } else { None }) else {
            let quoted = node.text().filter(|t| Num::parse(t).is_some());
            let Some(text) = quoted else { return self.wrong(node, path, "a number", "") };
            let says = ("expected a number, found a text".to_owned(), format!("write {text} without quotes"));
            let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
            let values = serde_json::json!({ key: serde_json::from_str::<serde_json::Value>(text).ok() });
            return self.report.error_with_fix(Code::WrongType, path, &node.at, says, table, values);
        };
        let (low, high, whole) = match form {
            Form::Whole(low, high) => (*low, *high, true),
            Form::Between(low, high) => (*low, *high, false),
            _ => return,
        };
        let inside = Num::int(low).is_ok_and(|l| n >= l) && Num::int(high).is_ok_and(|h| n <= h);
        if !inside || (whole && !n.is_integer()) {
            let kind = if whole { "a whole number" } else { "a number" };
            let message = format!("expected {kind} from {low} to {high}, found {n}");
            self.say(Code::WrongType, path, &node.at, message, "");
        }
    }

    /// Forms that are texts.
    fn word(&mut self, node: &Node, form: &Form, path: &str) {
        if let Form::DateTime = form {
            return self.date(node, path);
        }
        if matches!((form, &node.kind), (Form::TermOrPath | Form::WaitOrPath, Kind::Date(_))) {
            return;
        }
        let Some(text) = node.text() else {
            return self.wrong(node, path, "a text", "");
        };
        let (fits, code, what, hint) = match form {
            Form::Words(words) => return self.words(node, text, words, path),
            // Their names are looked up where they are compiled.
            Form::Window if text.starts_with("tiers.") => return,
            Form::TermOrPath | Form::WaitOrPath | Form::DurationOrPath if is_path(text) => return,
            Form::Text => {
                (text.len() <= 1_024, Code::TooLong, "a text of at most 1,024 bytes", String::new())
            }
            Form::Id => (is_id(text), Code::BadId, "an id", id_hint(text)),
            Form::ProgramId => (
                is_program_id(text),
                Code::BadId,
                "an id",
                "small letters, digits, `_` and `-`, at most 40".into(),
            ),
            Form::Currency => (
                currency::exponent(text).is_some(),
                Code::BadTerm,
                "a currency",
                "three letters of ISO 4217: `EUR`".into(),
            ),
            Form::Message => (is_event_type(text), Code::UnknownEvent, "an event type", EVENT_TYPE.into()),
            form => match of_time(form, text) {
                Some((fits, what, hint)) => (fits, Code::BadTerm, what, hint),
                None => return,
            },
        };
        if !fits {
            self.say(code, path, &node.at, format!("`{text}` is not {what}"), hint);
        }
    }

    fn date(&mut self, node: &Node, path: &str) {
        let found = node.date_time().is_some();
        match node.text() {
            _ if found => {}
            Some(text) => {
                let message = format!("`{text}` is not a date");
                self.say(
                    Code::BadTerm,
                    path,
                    &node.at,
                    message,
                    "`2026-12-01`, or with a time `2026-12-01 14:00`",
                );
            }
            None => self.wrong(node, path, "a date", "write 2026-12-01 without quotes"),
        }
    }

    fn words(&mut self, node: &Node, text: &str, words: &[&str], path: &str) {
        if !words.contains(&text) {
            let message = format!("`{text}` is not one of {}", words.join(", "));
            let hint = super::near::did_you_mean(text, words.iter().copied(), "");
            self.say(Code::WrongType, path, &node.at, message, hint);
        }
    }
}

pub const EVENT_TYPE: &str = "two words or more of small letters, joined by dots: `review.posted`";

/// Words of time: whether they can be read, what they are, and what to write.
fn of_time(form: &Form, text: &str) -> Option<(bool, &'static str, String)> {
    Some(match form {
        Form::Zone => {
            (jiff::tz::TimeZone::get(text).is_ok(), "a time zone", "an IANA name: `Europe/Berlin`".into())
        }
        Form::TermOrPath => (Term::parse(text).is_some(), "a term", term_hint(text)),
        Form::WaitOrPath => (Wait::parse(text).is_some(), "a duration or a date", duration_hint(text)),
        Form::TimeOfDay => (time_of_day(text).is_some(), "an hour of the day", "`\"09:00\"`".into()),
        Form::Duration | Form::DurationOrPath => {
            (Span::parse(text).is_some(), "a duration", duration_hint(text))
        }
        Form::Durations => (
            text.split(" + ").all(|t| Span::parse(t).is_some()),
            "a sum of durations",
            "`6 months + 1 day`".into(),
        ),
        Form::Unit => (Unit::parse(text).is_some(), "a calendar unit", units_hint()),
        Form::Window => {
            let hint = format!("`life`, a duration (`7 days`), or a unit: {}", units_hint());
            (Window::parse(text).is_some(), "a window", hint)
        }
        Form::Weekday => (WEEKDAYS.contains(&text), "a day of the week", WEEKDAYS.join(", ")),
        Form::Hours => (hours(text).is_some(), "a span of hours", "`\"14:00-17:00\"`".into()),
        _ => return None,
    })
}

/// Whether a node is of the kind that a form wants, whatever it says.
fn accepts(form: &Form, node: &Node) -> bool {
    match form {
        Form::Keys(_) | Form::KeysAnd(..) | Form::Names(_) => node.table().is_some(),
        Form::List(_) => node.list().is_some(),
        Form::OneOrMore(form) => node.list().is_some() || accepts(form, node),
        Form::Number | Form::Whole(..) | Form::Between(..) => node.decimal().is_some(),
        Form::Amount | Form::NumberOrPath => node.number().is_some() || node.text().is_some(),
        Form::TermOrPath | Form::WaitOrPath => node.text().is_some() || node.date().is_some(),
        Form::Bool => node.bool().is_some(),
        Form::Any => true,
        _ => node.text().is_some(),
    }
}

/// `'params.x'`, `'tiers.L.VALUE'`: neither an id nor a term has such a dot.
pub fn is_path(text: &str) -> bool {
    text.starts_with("params.") || text.starts_with("tiers.")
}

/// `09:00` as hour and minute.
pub fn time_of_day(text: &str) -> Option<(i8, i8)> {
    let (hour, minute) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
    let digits = text.bytes().all(|b| b.is_ascii_digit() || b == b':');
    let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
    (digits && hour < 24 && minute < 60).then_some((hour, minute))
}

/// Minutes of the day: `14:00-17:00`, `22:00-02:00`, `00:00-24:00`.
pub fn hours(text: &str) -> Option<(u16, u16)> {
    let minutes = |t: &str| {
        let (h, m) = t.split_once(':')?;
        let digits = t.len() == 5 && h.len() == 2 && t.bytes().all(|b| b.is_ascii_digit() || b == b':');
        let (h, m): (u16, u16) = (h.parse().ok()?, m.parse().ok()?);
        (digits && m < 60 && (h < 24 || (h == 24 && m == 0))).then_some(h * 60 + m)
    };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minutes(from.trim())?, minutes(to.trim())?);
    (from != to && from < 1_440).then_some((from, to))
}

fn is_program_id(text: &str) -> bool {
    is_id(&text.replace('-', "_"))
}

fn units_hint() -> String {
    UNITS.map(|(name, _)| name).join(", ")
}

fn term_hint(text: &str) -> String {
    const FORMS: &str =
        "`never`, a date, or steps: `12 months`, `6 months idle`, `end of next year, 2 months`";
    let part =
        text.split(", ").map(|p| p.strip_suffix(" idle").unwrap_or(p)).find(|p| Term::parse(p).is_none());
    match part.map(duration_hint) {
        Some(hint) if hint.starts_with("did you mean") => hint,
        _ => FORMS.into(),
    }
}

fn duration_hint(text: &str) -> String {
    let near = text.split_once(' ').and_then(|(n, unit)| {
        let units = ["seconds", "minutes", "hours", "days", "weeks", "months", "quarters", "years"];
        super::near::nearest(unit, units).filter(|_| n.parse::<u32>().is_ok()).map(|u| format!("{n} {u}"))
    });
    match near.filter(|t| Span::parse(t).is_some()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "a whole number and a unit: `14 days`, `6 months`".into(),
    }
}
