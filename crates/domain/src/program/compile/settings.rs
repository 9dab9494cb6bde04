//! Values that may stand as a path: `'params.x'`, `'params.x.y'`, `'tiers.L.VALUE'`. What a path leads to is of the right
//! kind in every region and environment and on every level, so nothing can fail when it is read.

use super::params::describe;
use super::{Compiler, Names};
use crate::condition::Code;
use crate::num::Num;
use crate::plan::{Amount, Setting};
use crate::program::check::near::did_you_mean;
use crate::program::check::value::is_path;
use crate::program::read::{Kind, Node};
use crate::term::{Term, Wait};
use crate::time::{Span, Window};
use crate::value::{Type, Value};

/// Where a path leads, what is there, and all that may stand there.
pub struct Target {
    pub at: Setting<()>,
    pub ty: Type,
    pub values: Vec<Value>,
}

/// A path that leads nowhere.
pub struct Nowhere {
    pub code: Code,
    pub message: String,
    pub hint: String,
}

/// A kind of value that a key wants.
pub struct Want<T> {
    pub what: &'static str,
    pub code: Code,
    pub read: fn(&Value) -> Option<T>,
}

pub const TERM: Want<Term> = Want {
    what: "a term",
    code: Code::BadTerm,
    read: |value| match value {
        Value::Text(text) => Term::parse(text),
        Value::Date(date) => Term::parse(&date.to_string()),
        _ => None,
    },
};
pub const WAIT: Want<Wait> = Want {
    what: "a duration or a date",
    code: Code::BadTerm,
    read: |value| match value {
        Value::Text(text) => Wait::parse(text),
        Value::Date(date) => Some(Wait::Day(*date)),
        _ => None,
    },
};
pub const SPAN: Want<Span> = Want {
    what: "a duration",
    code: Code::BadTerm,
    read: |value| match value {
        Value::Text(text) => Span::parse(text),
        _ => None,
    },
};
const NUMBER: Want<Num> = Want {
    what: "a number",
    code: Code::WrongType,
    read: |value| match value {
        Value::Num(n) => Some(*n),
        _ => None,
    },
};

impl Names {
    /// What a path leads to.
    pub fn target(&self, path: &str) -> Result<Target, Nowhere> {
        let parts: Vec<&str> = path.split('.').collect();
        match parts.as_slice() {
            ["params", name] => self.param(name, None),
            ["params", name, key] => self.param(name, Some(key)),
            ["tiers", ladder, key] => self.level_value(ladder, key),
            _ => {
                let hint = "a path is `'params.x'`, `'params.x.y'` or `'tiers.LADDER.VALUE'`".into();
                Err(Nowhere {
                    code: Code::WrongType,
                    message: format!("`{path}` is no path to a value"),
                    hint,
                })
            }
        }
    }

    fn param(&self, name: &str, key: Option<&str>) -> Result<Target, Nowhere> {
        let unknown = |message: String, hint: String| Nowhere { code: Code::UnknownName, message, hint };
        let params = &self.params;
        let Some(slot) = params.slot(name) else {
            let hint = did_you_mean(name, params.0.iter().map(|p| p.name.as_str()), "");
            return Err(unknown(format!("there is no param `{name}`"), hint));
        };
        let (param, number) = (&params.0[slot], slot as u16);
        let all = || std::iter::once(&param.value).chain(&param.others);
        let Some(key) = key else {
            let values = all().cloned().collect();
            return Ok(Target { at: Setting::Param(number), ty: param.ty.clone(), values });
        };
        let Type::Table(keys, of) = &param.ty else {
            let message = format!("`params.{name}` is {}, and has no `{key}`", describe(&param.ty));
            return Err(unknown(message, String::new()));
        };
        let Some(at) = keys.iter().position(|k| **k == *key) else {
            let hint = did_you_mean(key, keys.iter().map(|k| &**k), "");
            return Err(unknown(format!("`params.{name}` has no `{key}`"), hint));
        };
        let value = |v: &Value| match v {
            Value::Record(slots) => slots.get(at).cloned(),
            _ => None,
        };
        let values = all().filter_map(value).collect();
        Ok(Target { at: Setting::ParamSlot(number, at as u16), ty: (**of).clone(), values })
    }

    fn level_value(&self, ladder: &str, key: &str) -> Result<Target, Nowhere> {
        let unknown = |message: String, hint: String| Nowhere { code: Code::UnknownName, message, hint };
        let Some(no) = self.ladders.iter().position(|l| l.id == ladder) else {
            let hint = did_you_mean(ladder, self.ladders.iter().map(|l| l.id.as_str()), "");
            return Err(unknown(format!("there is no ladder `{ladder}`"), hint));
        };
        let keys = &self.ladders[no].keys;
        let Some(at) = keys.iter().position(|k| k.name == key) else {
            let hint =
                did_you_mean(key, keys.iter().map(|k| k.name.as_str()), "every level gives such a value");
            return Err(unknown(format!("levels of tiers.{ladder} have no `{key}`"), hint));
        };
        let (ty, values) = (keys[at].ty.clone(), keys[at].values.clone());
        Ok(Target { at: Setting::Level(no as u16, at as u16), ty, values })
    }
}

impl Compiler<'_, '_, '_> {
    /// A value as written, or a path to one. What is wrong as written was said by its form.
    pub fn setting<T>(&mut self, node: &Node, path: &str, want: &Want<T>) -> Option<Setting<T>> {
        let Some(to) = node.text().filter(|t| is_path(t)) else {
            let value = match &node.kind {
                Kind::Text(text) => Value::Text(text.as_str().into()),
                Kind::Date(date) => Value::Date(*date),
                Kind::Number(n) => Value::Num(*n),
                _ => return None,
            };
            return (want.read)(&value).map(Setting::Is);
        };
        self.mention(path, to);
        let target = match self.names.target(to) {
            Ok(target) => target,
            Err(not) => {
                self.report.error(not.code, path, &node.at, not.message, not.hint);
                return None;
            }
        };
        if let Some(wrong) = target.values.iter().find(|v| (want.read)(v).is_none()) {
            let (code, message) = match wrong {
                Value::Text(text) if want.code == Code::BadTerm => {
                    (Code::BadTerm, format!("`{text}`, which `{to}` may be, is not {}", want.what))
                }
                _ => {
                    let message = format!("`{to}` is {}, and {} is wanted", describe(&target.ty), want.what);
                    (Code::TypeMismatch, message)
                }
            };
            self.report.error(code, path, &node.at, message, "");
            return None;
        }
        Some(match target.at {
            Setting::Is(()) => return None,
            Setting::Param(no) => Setting::Param(no),
            Setting::ParamSlot(no, slot) => Setting::ParamSlot(no, slot),
            Setting::Level(no, slot) => Setting::Level(no, slot),
        })
    }

    /// A number not below `least`, or a path to one.
    pub fn amount(&mut self, node: &Node, path: &str, least: Num, says: &str) -> Option<Amount> {
        let written = node.decimal();
        let found = match (written, node.text()) {
            (Some(n), _) => Some(Setting::Is(n)),
            (None, Some(text)) if !is_path(text) => {
                let hint = "a number, or a path to one: `'params.x'`, `'params.x.y'`, `'tiers.LADDER.VALUE'`";
                self.report.error(Code::WrongType, path, &node.at, format!("`{text}` is not a number"), hint);
                None
            }
            _ => self.setting(node, path, &NUMBER),
        };
        let small = |v: &Value| matches!(v, Value::Num(n) if *n < least);
        let values = node.text().and_then(|t| self.names.target(t).ok()).map(|t| t.values);
        if written.is_some_and(|n| n < least) || values.is_some_and(|v| v.iter().any(small)) {
            self.report.error(Code::WrongType, path, &node.at, says, "");
        }
        found
    }

    /// A term that is no wait for activity.
    pub fn term(&mut self, node: &Node, path: &str) -> Option<Setting<Term>> {
        let found = self.setting(node, path, &TERM)?;
        let values = match (&found, node.text()) {
            (Setting::Is(term), _) => vec![term.clone()],
            (_, Some(to)) => {
                let values = self.names.target(to).map(|t| t.values).unwrap_or_default();
                values.iter().filter_map(TERM.read).collect()
            }
            _ => Vec::new(),
        };
        if let Some(idle) = values.iter().find(|t| t.is_idle()) {
            let message = format!("`{}` counts from the last activity", idle.source);
            let hint = "only points can expire so: say how long from the beginning";
            self.report.error(Code::BadTerm, path, &node.at, message, hint);
        }
        Some(found)
    }

    /// A window; life where there is none.
    pub fn window(&mut self, node: Option<&Node>, path: &str) -> Window {
        let Some((node, text)) = node.and_then(|n| Some((n, n.text()?))) else { return Window::Life };
        let Some(id) = text.strip_prefix("tiers.") else {
            return Window::parse(text).unwrap_or(Window::Life);
        };
        self.ladder_named(id, &node.at, &format!("{path}.per")).map_or(Window::Life, Window::Level)
    }
}
