//! Sections and their keys, from `language`.

use std::fmt::Write;

use super::super::language::{Form, Key, Need, SECTIONS, Shape};
use super::forms::word;
use super::row;

pub fn sections(out: &mut String) {
    // Tables of keys that were written out, and where.
    let mut told: Vec<(*const Key, String)> = Vec::new();
    for section in SECTIONS {
        let (title, form) = match &section.shape {
            Shape::One(form) => (section.name.to_owned(), form),
            Shape::Named(form) => (format!("{}.ID", section.name), form),
            Shape::Events(form) => (format!("{}.\"noun.verb\"", section.name), form),
        };
        let most = if section.most > 0 { format!(" At most {}.", section.most) } else { String::new() };
        let need = if section.need == Need::Required { " Required." } else { "" };
        write!(out, "\n## `{title}`\n{}.{need}{most}\n", capital(section.doc)).expect("a String takes all");
        match form {
            Form::Keys(keys) => {
                out.push('\n');
                row(&["key", "type", "default", "meaning"], out);
                row(&["---"; 4], out);
                rows(keys, "", section.name, &mut told, out);
            }
            form => writeln!(out, "Type: {}.", word(form)).expect("a String takes all"),
        }
    }
}

fn rows(
    keys: &'static [Key],
    above: &str,
    section: &str,
    told: &mut Vec<(*const Key, String)>,
    out: &mut String,
) {
    for key in keys {
        let default = match key.need {
            Need::Required => "required".to_owned(),
            Need::Optional => String::new(),
            Need::Default(default) => format!("`{default}`"),
        };
        let path = format!("{above}{}", key.name);
        let mut doc = key.doc.to_owned();
        let mut inner = Vec::new();
        tables(&key.form, &path, &mut inner);
        inner.retain(|(keys, _)| match told.iter().find(|(known, _)| *known == keys.as_ptr()) {
            Some((_, place)) => {
                write!(doc, " (keys as in `{place}`)").expect("a String takes all");
                false
            }
            None => true,
        });
        row(&[&format!("`{path}`"), &word(&key.form), &default, &doc], out);
        for (keys, path) in inner {
            told.push((keys.as_ptr(), format!("{section}.{path}")));
            rows(keys, &format!("{path}."), section, told, out);
        }
    }
}

/// Tables of keys within a form, and the path to each.
fn tables(form: &Form, path: &str, found: &mut Vec<(&'static [Key], String)>) {
    match form {
        Form::Keys(keys) | Form::KeysAnd(keys, ..) => found.push((keys, path.to_owned())),
        Form::Names(form) => tables(form, &format!("{path}.ID"), found),
        Form::List(form) => tables(form, &format!("{path}[]"), found),
        Form::OneOrMore(form) => tables(form, path, found),
        Form::Either(forms) => forms.iter().for_each(|form| tables(form, path, found)),
        _ => {}
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
}
