//! Every program in this folder, and every test that stands in it: what a person writes to say how points must move.
//! What such a test cannot say (duplicates, reordering, waiting, edits under an older version) is in `tests/core`.

mod promises;

use domain::program::{self, Source, diag};
use domain::scenario;

#[test]
fn every_scenario_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scenarios");
    let mut run = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let main = Source { name, text: std::fs::read_to_string(&path).unwrap() };
        let program = program::read(main, &mut |_| Err("none".into()), None, 1)
            .unwrap_or_else(|r| panic!("{}", diag::render(&r.diagnostics, &r.sources, false)));
        let (failures, _) = scenario::run_all(&program);
        let said: Vec<_> = failures.iter().map(scenario::Failure::diagnostic).collect();
        assert!(said.is_empty(), "{}", diag::render(&said, &program.sources, false));
        run += program.tests.len();
    }
    assert!(run >= 12, "the scenarios are found: {run}");
}
