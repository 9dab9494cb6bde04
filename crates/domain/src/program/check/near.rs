//! "Did you mean": the nearest of the names that exist.

/// The nearest name, if it is near enough to be meant. Ties go to the first.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).collect();
    let far = (word.len() / 3).max(1);
    names
        .into_iter()
        // Names of another length cannot be near.
        .filter(|name| name.chars().take(64).count().abs_diff(word.len()) <= far)
        .map(|name| (distance(&word, &name.chars().take(64).collect::<Vec<_>>()), name))
        .filter(|(d, _)| *d <= far)
        .min_by_key(|(d, _)| *d)
        .map(|(_, name)| name)
}

/// "did you mean `x`?", or what else is known.
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match nearest(word, names) {
        Some(name) => format!("did you mean `{name}`?"),
        None => otherwise.into(),
    }
}

/// Edits (insert, delete, replace, swap of neighbours) from one to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names() {
        assert_eq!(nearest("expire", ["expires", "pending"]), Some("expires"));
        assert_eq!(nearest("glod", ["bronze", "gold"]), Some("gold"));
        assert_eq!(nearest("point", ["cash", "points"]), Some("points"));
        assert_eq!(nearest("whatever", ["when", "each"]), None);
        assert_eq!(nearest("", ["on"]), None);
    }
}
