use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What the test programs of one step said.
#[derive(Default)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Lines that name something that could not run here, and why.
    pub(crate) skipped: Vec<String>,
}

/// One step under a heading, with its seconds.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    println!("\n== {name}");
    let start = Instant::now();
    let result = work().map_err(|why| format!("FAILED: {name}: {why}"));
    println!("== {name}: {:.1} s", start.elapsed().as_secs_f64());
    result
}

/// The cargo that started us, at the root of the workspace.
pub(crate) fn cargo(words: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words.split_whitespace()).current_dir(root());
    command
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Runs it; its output is ours.
pub(crate) fn run(mut command: Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{}: {error}", line(&command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", line(&command))) }
}

/// Runs it and gives back what it wrote to standard output.
pub(crate) fn read(mut command: Command) -> Result<Vec<u8>, String> {
    let output =
        command.stderr(Stdio::inherit()).output().map_err(|error| format!("{}: {error}", line(&command)))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{}: {}", line(&command), output.status))
    }
}

/// Runs tests: every line is passed on as it comes, results and skips are counted.
pub(crate) fn run_tests(mut command: Command) -> Result<Tally, String> {
    let failed = |command: &Command, what: String| format!("{}: {what}", line(command));
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| failed(&command, error.to_string()))?;
    let mut tally = Tally::default();
    let output = child.stdout.take().ok_or_else(|| failed(&command, "no output".to_owned()))?;
    for text in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let text = String::from_utf8_lossy(&text);
        println!("{text}");
        tally.note(&text);
    }
    let status = child.wait().map_err(|error| failed(&command, error.to_string()))?;
    if status.success() { Ok(tally) } else { Err(failed(&command, status.to_string())) }
}

impl Tally {
    /// Adds what another step's tests said.
    pub(crate) fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.skipped.extend(other.skipped);
    }

    fn note(&mut self, text: &str) {
        // "test result: ok. 12 passed; 0 failed; …"
        if let Some((_, rest)) = text.split_once("test result: ok. ") {
            self.passed += rest.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        }
        // Under --nocapture the harness may have begun the line itself: "test lab::x ... SKIPPED x: why".
        if let Some(at) = text.find("SKIPPED ") {
            self.skipped.push(text[at..].to_owned());
        }
    }
}

fn line(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    std::iter::once(program.to_string_lossy().into_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_skips_are_counted() {
        let mut tally = Tally::default();
        for text in [
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 3 passed; 1 failed; 0 ignored",
            "test veth::every_state ... SKIPPED veth: needs root",
            "test signals ... ok",
        ] {
            tally.note(text);
        }
        assert_eq!(tally.passed, 12);
        assert_eq!(tally.skipped, ["SKIPPED veth: needs root"]);
    }
}
