//! The layout of a program's text: spaces, line ends, blank lines, indentation, trailing commas.
//! What is written, its order, its comments and what stands inside of quotes stay as they are, and lines are neither
//! broken nor joined. So the program and its hash stay the same, and what was laid out once stays as it is.

use ::toml_parser::Source as Toml;
use ::toml_parser::lexer::TokenKind as Token;

use super::{Rejected, Report, Source, canonical, read, table};

const STEP: usize = 2;

/// The same program, laid out; `Err` where the text is no TOML.
pub fn format(source: &Source) -> Result<String, Rejected> {
    let before = tree(source)?;
    let text = laid_out(&source.text);
    let after = tree(&Source { name: source.name.clone(), text: text.clone() });
    assert!(after.is_ok_and(|after| after == before), "law broken: {} would be another program", source.name);
    Ok(text)
}

/// The canonical JSON of what the text says.
fn tree(source: &Source) -> Result<String, Rejected> {
    let mut broken = Vec::new();
    let tree = table(read::from_toml(&source.text, 0, &mut broken));
    if broken.iter().any(|b| b.fatal) {
        let sources = vec![source.clone()];
        let mut report = Report::new(&sources);
        report.broken(broken);
        let diagnostics = report.finish(&tree);
        return Err(Rejected { diagnostics, sources });
    }
    Ok(canonical(&tree))
}

/// A token with the spaces that stood before it.
#[derive(Clone, Copy)]
struct Piece<'t> {
    token: Token,
    text: &'t str,
    gap: usize,
}

impl Piece<'_> {
    fn opens(&self) -> bool {
        matches!(self.token, Token::LeftSquareBracket | Token::LeftCurlyBracket)
    }
    fn closes(&self) -> bool {
        matches!(self.token, Token::RightSquareBracket | Token::RightCurlyBracket)
    }
    fn is_comment(&self) -> bool {
        self.token == Token::Comment
    }
}

type Line<'t> = Vec<Piece<'t>>;

fn laid_out(text: &str) -> String {
    let mut lines = lines(text);
    commas(&mut lines);
    let mut out: Vec<String> = Vec::new();
    // Indentation of the lines in which the brackets that are open were opened.
    let mut open: Vec<usize> = Vec::new();
    // A bracket was opened at the end of the last line that says something.
    let mut inside = false;
    for (n, line) in lines.iter().enumerate() {
        if line.is_empty() {
            let closes = lines[n..].iter().find(|l| !l.is_empty()).is_none_or(|next| next[0].closes());
            if !inside && !closes && out.last().is_some_and(|above| !above.is_empty()) {
                out.push(String::new());
            }
            continue;
        }
        inside = ends_open(line);
        let starts = open.is_empty() && is_header(&lines[n..]);
        if starts && out.last().is_some_and(|above| !above.is_empty() && !above.starts_with('#')) {
            out.push(String::new());
        }
        out.push(written(line, &mut open));
    }
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out.iter().map(|line| format!("{line}\n")).collect()
}

/// Tokens by line, without the spaces between them. Texts over several lines are one token.
fn lines(text: &str) -> Vec<Line<'_>> {
    let source = Toml::new(text);
    let (mut lines, mut line, mut gap) = (Vec::new(), Line::new(), 0);
    for token in source.lex() {
        let text = text.get(token.span().start()..token.span().end()).unwrap_or("");
        match token.kind() {
            Token::Whitespace => gap = text.len(),
            Token::Newline => {
                lines.push(std::mem::take(&mut line));
                gap = 0;
            }
            Token::Eof => {}
            token => {
                let text = if token == Token::Comment { text.trim_end() } else { text };
                line.push(Piece { token, text, gap: std::mem::take(&mut gap) });
            }
        }
    }
    lines.push(line);
    lines
}

/// A list over several lines ends in a comma, one in a line does not.
fn commas(lines: &mut [Line<'_>]) {
    // Where the last piece that is no comment stands.
    let mut last: Option<(usize, usize)> = None;
    for n in 0..lines.len() {
        let mut at = 0;
        while at < lines[n].len() {
            let piece = lines[n][at];
            if piece.is_comment() {
                at += 1;
                continue;
            }
            if let Some((line, before)) = last.filter(|_| piece.closes()) {
                let left = lines[line][before];
                if line == n && left.token == Token::Comma {
                    lines[n].remove(before);
                    at -= 1;
                } else if line < n && left.token != Token::Comma && !left.opens() {
                    lines[line].insert(before + 1, Piece { token: Token::Comma, text: ",", gap: 0 });
                }
            }
            last = Some((n, at));
            at += 1;
        }
    }
}

fn ends_open(line: &Line<'_>) -> bool {
    line.iter().rev().find(|p| !p.is_comment()).is_some_and(Piece::opens)
}

/// A `[table]` begins here, or the comment right above it.
fn is_header(lines: &[Line<'_>]) -> bool {
    let comment = |line: &&Line<'_>| line.first().is_some_and(Piece::is_comment);
    let below = lines.iter().find(|line| !comment(line));
    below.and_then(|line| line.first()).is_some_and(|piece| piece.token == Token::LeftSquareBracket)
}

fn written(line: &Line<'_>, open: &mut Vec<usize>) -> String {
    let mut indent = open.last().map_or(0, |above| above + STEP);
    let closing = line.iter().take_while(|piece| piece.closes()).count();
    for _ in 0..closing {
        indent = open.pop().unwrap_or(0);
    }
    let mut out = " ".repeat(indent);
    for (n, piece) in line.iter().enumerate() {
        if let Some(before) = n.checked_sub(1).map(|n| line[n]) {
            out.push_str(&" ".repeat(gap(&before, piece)));
        }
        out.push_str(piece.text);
        if piece.opens() {
            open.push(indent);
        } else if piece.closes() && n >= closing {
            open.pop();
        }
    }
    out
}

/// Spaces between two pieces of one line. Comments stay where they were put.
fn gap(before: &Piece<'_>, after: &Piece<'_>) -> usize {
    use Token::*;
    match (before.token, after.token) {
        (_, Comment) => after.gap.max(1),
        (Dot, _) | (_, Dot | Comma) | (LeftSquareBracket, _) | (_, RightSquareBracket) => 0,
        (LeftCurlyBracket, RightCurlyBracket) => 0,
        _ => 1,
    }
}
