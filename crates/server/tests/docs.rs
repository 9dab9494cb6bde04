//! The examples of the pages are run as they stand: each page is one session in a shell, top to bottom, against a new
//! server with the program that the page shows (the starter program, where it shows none).

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Api, launch};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What stands between fences: the word behind the opening one, and the text.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut open: Option<(&str, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(word), None) => open = Some((word, String::new())),
            (None, Some((_, text))) => *text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    found
}

fn is_session(word: &str, text: &str) -> bool {
    word == "sh" || word.is_empty() && text.contains("curl ")
}

fn run(page: &Path) {
    let text = std::fs::read_to_string(page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let blocks = blocks(&text);
    let session: String =
        blocks.iter().filter(|(word, text)| is_session(word, text)).map(|(_, text)| text.as_str()).collect();
    if session.is_empty() {
        return;
    }
    let program = blocks.iter().find(|(word, text)| *word == "toml" && text.contains("program = {"));
    let starter = include_str!("../../../programs/starter/program.toml");
    let mut launch = launch().with_program(program.map_or(starter, |(_, program)| program));
    if program.is_some_and(|(_, program)| program.contains("environments.staging")) {
        launch.env.push(("FEALTY_ENVIRONMENT".into(), "staging".into()));
    }
    // A page about sources shows those of its session.
    let sources = blocks.iter().find(|(word, text)| *word == "toml" && text.contains("[sources.tryout]"));
    if let Some((_, settings)) = sources {
        let file = launch.data.join("settings.toml");
        std::fs::write(&file, settings).unwrap_or_else(|e| panic!("{e}"));
        launch.args.extend(["--settings".into(), file.to_string_lossy().into_owned()]);
        launch.env.push(("TRYOUT_SECRET".into(), "not-a-secret".into()));
    }
    let api = Api::of(launch);
    let session = session
        .replace("curl -s http", "curl -s --fail-with-body http")
        .replace("127.0.0.1:8787", &api.server.address);
    let ran = Command::new("sh")
        .args(["-e", "-c", &session])
        .env("FEALTY_API_KEY", &api.server.launch.key)
        .current_dir(&api.server.launch.data)
        .output()
        .unwrap_or_else(|e| panic!("{e}"));
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && ran.stderr.is_empty(),
        "{}: {:?}\n{said}\n{}",
        page.display(),
        ran.status,
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(!said.contains("\"status\":\"refused\""), "{}: {said}", page.display());
    assert!(sources.is_none() || !said.contains("\"status\":\"ignored\""), "{}: {said}", page.display());
}

#[test]
fn every_command_of_every_page_runs() {
    let docs = std::fs::read_dir(root().join("docs")).unwrap_or_else(|e| panic!("{e}"));
    let mut pages: Vec<PathBuf> = docs.filter_map(|entry| Some(entry.ok()?.path())).collect();
    pages.push(root().join("README.md"));
    let with_curl = pages.iter().filter(|page| {
        page.extension().is_some_and(|ext| ext == "md")
            && std::fs::read_to_string(page).is_ok_and(|text| text.contains("curl "))
    });
    assert!(with_curl.inspect(|page| run(page)).count() >= 5, "the pages are found");
}

/// Every address of the table of routes stands in docs/api.md.
#[test]
fn every_route_is_told() {
    let page = std::fs::read_to_string(root().join("docs/api.md")).unwrap_or_else(|e| panic!("{e}"));
    let mut api = Api::start();
    let document = api.get("/openapi.json").json();
    let untold: Vec<&String> = document["paths"]
        .as_object()
        .into_iter()
        .flat_map(|paths| paths.keys())
        .filter(|path| {
            let last = path.rsplit('/').find(|part| !part.starts_with('{')).unwrap_or_default();
            !page.contains(&format!("/{last}"))
        })
        .collect();
    assert!(untold.is_empty(), "docs/api.md says nothing of {untold:?}");
}

/// The scopes that a key can have are those of the table in docs/operating.md.
#[test]
fn every_scope_is_told() {
    let page = std::fs::read_to_string(root().join("docs/operating.md")).unwrap_or_else(|e| panic!("{e}"));
    let table = page.lines().skip_while(|line| !line.starts_with("| scope"));
    let cells = table.take_while(|line| line.starts_with('|')).filter_map(|row| row.split('|').nth(1));
    let told: BTreeSet<&str> =
        cells.skip(2).flat_map(|cell| cell.split('`')).filter(|word| word.trim().len() > 1).collect();
    let help = Command::new(env!("CARGO_BIN_EXE_fealty")).args(["keys", "create", "--help"]).output();
    let help = String::from_utf8_lossy(&help.unwrap_or_else(|e| panic!("{e}")).stdout).into_owned();
    let known = help.lines().filter_map(|line| line.trim().strip_prefix("- ")?.split_whitespace().next());
    let known: BTreeSet<&str> = known.map(|scope| scope.trim_end_matches(':')).collect();
    assert!(known.contains("admin"), "{help}");
    assert_eq!(told, known);
}
