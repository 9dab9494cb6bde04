//! A small table for a terminal: columns as wide as their widest cell, the first row as the head.

/// Numbers are set to the right when every cell below the head is one.
pub fn render(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |c: usize| rows.iter().map(|row| row[c].chars().count()).max().unwrap_or(0);
    let number = |c: usize| {
        rows.len() > 1
            && rows[1..].iter().all(|row| row[c].chars().all(|x| x.is_ascii_digit() || ".,-+".contains(x)))
    };
    let shape: Vec<(usize, bool)> = (0..columns).map(|c| (width(c), number(c))).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, (width, right)) in row.iter().zip(&shape) {
            let pad = " ".repeat(width - cell.chars().count());
            line += &if *right { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// 1234567 as `1,234,567`.
pub fn grouped(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[test]
fn numbers_are_grouped_and_set_to_the_right() {
    assert_eq!(grouped(1_234_567), "1,234,567");
    assert_eq!(grouped(-12), "-12");
    let rows =
        [vec!["code".to_owned(), "n".into()], vec!["a".into(), "10".into()], vec!["bb".into(), "9".into()]];
    assert_eq!(render(&rows), "code   n\na     10\nbb     9\n");
}
