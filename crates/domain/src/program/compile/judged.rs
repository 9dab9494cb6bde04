//! The order in which rules are judged: what a rule refers to first, then by id. Circles are mistakes.

use std::collections::{BTreeMap, BTreeSet};

/// Names in order, or a circle: `a, b, a`. `refers` holds every name.
pub fn in_order(refers: &BTreeMap<String, BTreeSet<String>>) -> Result<Vec<String>, Vec<String>> {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    let mut heard_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, to) in refers {
        left.insert(name, to.len());
        for to in to {
            heard_by.entry(to).or_default().push(name);
        }
    }
    let mut ready: BTreeSet<&str> = left.iter().filter(|(_, n)| **n == 0).map(|(name, _)| *name).collect();
    let mut order = Vec::new();
    while let Some(name) = ready.pop_first() {
        left.remove(name);
        order.push(name.to_owned());
        for reader in heard_by.get(name).into_iter().flatten() {
            if let Some(n) = left.get_mut(reader) {
                *n -= 1;
                if *n == 0 {
                    ready.insert(reader);
                }
            }
        }
    }
    match left.keys().next() {
        None => Ok(order),
        Some(first) => Err(circle(first, refers, &left)),
    }
}

/// Every name that is left has one that it refers to and that is left too: following them must come back.
fn circle(
    first: &str,
    refers: &BTreeMap<String, BTreeSet<String>>,
    left: &BTreeMap<&str, usize>,
) -> Vec<String> {
    let mut path: Vec<&str> = vec![first];
    loop {
        let last = path[path.len() - 1];
        let next = refers.get(last).and_then(|to| to.iter().find(|n| left.contains_key(n.as_str())));
        let Some(next) = next else { return path.into_iter().map(str::to_owned).collect() };
        if let Some(start) = path.iter().position(|n| n == next) {
            let mut circle: Vec<String> = path[start..].iter().map(|n| (*n).to_owned()).collect();
            // Told from its smallest name, so that one circle is told in one way.
            let smallest = circle.iter().enumerate().min_by_key(|(_, n)| (*n).clone()).map_or(0, |(i, _)| i);
            circle.rotate_left(smallest);
            circle.push(circle[0].clone());
            return circle;
        }
        path.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::in_order;

    fn graph(
        edges: &[(&str, &[&str])],
    ) -> std::collections::BTreeMap<String, std::collections::BTreeSet<String>> {
        edges.iter().map(|(n, to)| ((*n).to_owned(), to.iter().map(|t| (*t).to_owned()).collect())).collect()
    }

    #[test]
    fn references_come_first_then_ids() {
        let order = in_order(&graph(&[("a", &["z"]), ("b", &[]), ("z", &[]), ("c", &["a"])]));
        assert_eq!(order.unwrap(), ["b", "z", "a", "c"]);
    }

    #[test]
    fn a_circle_is_told_from_its_smallest_name() {
        assert_eq!(
            in_order(&graph(&[("b", &["a"]), ("a", &["b"]), ("x", &["b"])])).unwrap_err(),
            ["a", "b", "a"]
        );
        assert_eq!(in_order(&graph(&[("a", &["a"])])).unwrap_err(), ["a", "a"]);
        assert_eq!(
            in_order(&graph(&[("a", &["c"]), ("c", &["d"]), ("d", &["c"])])).unwrap_err(),
            ["c", "d", "c"]
        );
    }
}
