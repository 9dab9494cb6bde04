//! What a campaign found, for people and as JSON: one flat object a line.

use std::io::Write as _;
use std::path::Path;

use serde_json::json;

pub struct Figure {
    pub promise: String,
    pub figure: String,
    pub bar: String,
    pub holds: bool,
}

impl Figure {
    pub fn new(promise: &str, figure: String, bar: &str, holds: bool) -> Figure {
        Figure { promise: promise.to_owned(), figure, bar: bar.to_owned(), holds }
    }
}

/// A table of all, as every campaign prints it; true if all hold.
pub fn show(figures: &[Figure]) -> bool {
    println!("\n### Bars\n| what | figure | bar | holds |\n|---|---|---|---|");
    for figure in figures {
        let holds = if figure.holds { "yes" } else { "no" };
        println!("| {} | {} | {} | {holds} |", figure.promise, figure.figure, figure.bar);
    }
    figures.iter().all(|figure| figure.holds)
}

pub fn write(figures: &[Figure], to: &Path) -> std::io::Result<()> {
    let mut file = std::fs::File::create(to)?;
    for Figure { promise, figure, bar, holds } in figures {
        writeln!(file, "{}", json!({"promise": promise, "figure": figure, "bar": bar, "holds": holds}))?;
    }
    Ok(())
}
