//! Text to tokens. Numbers are read exactly, texts with CEL's escapes; each token is looked at once.

use super::ast::Span;
use super::{Code, Fault};
use crate::num::Num;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'s> {
    Name(&'s str),
    Number(Num),
    Text(Box<str>),
    Sign(&'static str),
    End,
}

pub(super) struct Lexer<'s> {
    text: &'s str,
    at: usize,
}

const SIGNS: [&str; 25] = [
    "==", "!=", "<=", ">=", "&&", "||", "+", "-", "*", "/", "%", "<", ">", "!", "?", ":", "(", ")", "[", "]",
    ",", ".", "{", "}", "=",
];

impl<'s> Lexer<'s> {
    pub fn new(text: &'s str) -> Lexer<'s> {
        Lexer { text, at: 0 }
    }

    pub fn next(&mut self) -> Result<(Token<'s>, Span), Box<Fault>> {
        self.skip_space();
        let start = self.at;
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else {
            return Ok((Token::End, Span::new(start, start)));
        };
        let token = match first {
            '0'..='9' => self.number()?,
            'a'..='z' | 'A'..='Z' | '_' => Token::Name(self.word()),
            '"' | '\'' => self.quoted(first)?,
            _ => match SIGNS.iter().find(|s| rest.starts_with(**s)) {
                Some(sign) => {
                    self.at += sign.len();
                    Token::Sign(sign)
                }
                None => return Err(stray(first, start)),
            },
        };
        Ok((token, Span::new(start, self.at)))
    }

    fn skip_space(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let space = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', '\x0c']).len();
            self.at += space;
            if !self.text[self.at..].starts_with("//") {
                return;
            }
            let rest = &self.text[self.at..];
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn word(&mut self) -> &'s str {
        let rest = &self.text[self.at..];
        let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        self.at += len;
        &rest[..len]
    }

    fn digits(&mut self) {
        self.at += self.text[self.at..].bytes().take_while(u8::is_ascii_digit).count();
    }

    fn number(&mut self) -> Result<Token<'s>, Box<Fault>> {
        let start = self.at;
        self.digits();
        let rest = &self.text.as_bytes()[self.at..];
        if rest.first() == Some(&b'.') && rest.get(1).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
            self.digits();
        }
        let end = self.at;
        let suffix = self.word();
        let written = &self.text[start..self.at];
        let fault = |message: String, hint: &str| {
            let span = start..end + suffix.len();
            Box::new(Fault { code: Code::ExpressionSyntax, span, message, hint: hint.into() })
        };
        if !suffix.is_empty() {
            let hint = "a number is written 12 or 0.05, without exponent, suffix or hex";
            return Err(fault(format!("`{}` is not a number", short(written)), hint));
        }
        match Num::parse(written) {
            Some(Ok(n)) => Ok(Token::Number(n)),
            _ => Err(fault(
                format!("`{}` is out of range", short(written)),
                "in lowest terms, a number and its denominator stay below 10^18",
            )),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Token<'s>, Box<Fault>> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(c) = rest.chars().next().filter(|c| !matches!(c, '\n' | '\r')) else {
                return Err(Box::new(Fault {
                    code: Code::ExpressionSyntax,
                    span: start..self.at,
                    message: format!("expected the closing `{quote}`, found the end"),
                    hint: String::new(),
                }));
            };
            self.at += c.len_utf8();
            match c {
                _ if c == quote => return Ok(Token::Text(text.into())),
                '\\' => text.push(self.escape()?),
                _ => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Box<Fault>> {
        let start = self.at - 1;
        let rest = &self.text[self.at..];
        let code = |digits: usize, skip: usize, radix: u32| {
            let text = rest.get(skip..skip + digits)?;
            if !text.bytes().all(|b| char::from(b).is_digit(radix)) {
                return None;
            }
            let c = char::from_u32(u32::from_str_radix(text, radix).ok()?)?;
            Some((c, skip + digits))
        };
        let found = match rest.as_bytes().first() {
            Some(b'n') => Some(('\n', 1)),
            Some(b't') => Some(('\t', 1)),
            Some(b'r') => Some(('\r', 1)),
            Some(b'a') => Some(('\x07', 1)),
            Some(b'b') => Some(('\x08', 1)),
            Some(b'f') => Some(('\x0c', 1)),
            Some(b'v') => Some(('\x0b', 1)),
            Some(c @ (b'"' | b'\'' | b'\\' | b'`' | b'?')) => Some((char::from(*c), 1)),
            Some(b'x' | b'X') => code(2, 1, 16),
            Some(b'u') => code(4, 1, 16),
            Some(b'U') => code(8, 1, 16),
            Some(b'0'..=b'3') => code(3, 0, 8),
            _ => None,
        };
        let Some((c, len)) = found else {
            return Err(Box::new(Fault {
                code: Code::ExpressionSyntax,
                span: start..self.at,
                message: "this is not an escape".into(),
                hint: "write `\\\\` for a backslash, `\\n`, `\\t`, `\\\"`, `\\'` or `\\u00e9`".into(),
            }));
        };
        self.at += len;
        Ok(c)
    }
}

/// At most 40 characters, for messages.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

fn stray(c: char, at: usize) -> Box<Fault> {
    let hint = match c {
        '&' => "write `&&`",
        '|' => "write `||`",
        '“' | '”' | '‘' | '’' => "write straight quotes",
        '×' => "write `*`",
        '≥' => "write `>=`",
        '≤' => "write `<=`",
        _ => "",
    };
    Box::new(Fault {
        code: Code::ExpressionSyntax,
        span: at..at + c.len_utf8(),
        message: format!("`{}` does not belong in an expression", c.escape_debug()),
        hint: hint.into(),
    })
}
