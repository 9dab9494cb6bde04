//! What the container is built of, which no other step compiles together: checked without building an image.

use crate::shell::{self, Outcome};

const FILE: &str = "deploy/Containerfile";

/// None: this machine lacks what the image installs for it.
pub fn check() -> Option<Outcome> {
    let openssl = shell::run(shell::command("pkg-config", &["--exists", "openssl", "zlib"]));
    if !shell::exists("make") || !shell::exists("g++") || openssl.is_err() {
        return None;
    }
    Some(features().and_then(|features| {
        shell::run(shell::cargo(&[
            "check",
            "--quiet",
            "--locked",
            "--bin",
            "fealty",
            "--features",
            &features,
        ]))
    }))
}

/// As the file has them.
fn features() -> Result<String, String> {
    let text = std::fs::read_to_string(shell::root().join(FILE)).map_err(|e| format!("{FILE}: {e}"))?;
    let mut words = text.split_whitespace().skip_while(|word| *word != "--features");
    words.nth(1).map(str::to_owned).ok_or_else(|| format!("{FILE} names no features"))
}

#[test]
fn the_features_are_those_of_the_file() {
    let features = features().unwrap();
    assert!(features.split(',').any(|one| one == "postgres"), "{features}");
}
