//! Running other programs and finding our own folders. Nothing here decides anything.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub type Outcome = Result<(), String>;

/// The root of the work tree.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask lies in the root").to_path_buf()
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

pub fn command(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

pub fn cargo(args: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), args)
}

/// Runs to the end, output shown as it comes.
pub fn run(mut command: Command) -> Outcome {
    let shown = show(&command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}

/// Runs to the end and gives what it printed on standard output.
pub fn output(mut command: Command) -> Result<String, String> {
    let shown = show(&command);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{shown}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(format!("{shown}: {}\n{text}", output.status)) }
}

/// Runs to the end, shows standard output line by line and gives it back too, with whether it succeeded.
pub fn tee(mut command: Command) -> (bool, String) {
    use std::io::{BufRead, BufReader};
    let shown = show(&command);
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return (false, format!("{shown}: {error}")),
    };
    let mut text = String::new();
    let pipe = child.stdout.take().expect("piped above");
    for line in BufReader::new(pipe).lines() {
        let Ok(line) = line else { break };
        println!("{line}");
        text.push_str(&line);
        text.push('\n');
    }
    (child.wait().is_ok_and(|status| status.success()), text)
}

/// Whether a program can be started at all.
pub fn exists(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}

/// The value that follows `name` among `args`.
pub fn flag<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).map(String::as_str)
}

fn show(command: &Command) -> String {
    let mut shown = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        shown.push(' ');
        shown.push_str(&arg.to_string_lossy());
    }
    shown
}
