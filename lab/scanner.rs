use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::require::Lab;
use portolan_lab::namespace::Namespace;
use portolan_lab::ndjson::Report;

/// `nobody` of most systems: no capability, no file of ours.
const UNPRIVILEGED: u32 = 65534;

/// A scan to be run in a namespace, as an unprivileged user.
pub(crate) struct Scan<'a> {
    lab: &'a Lab,
    namespace: &'a Namespace,
    words: Vec<String>,
    descriptors: Option<u32>,
}

impl Lab {
    /// `portolan WORDS` in a namespace.
    pub(crate) fn scan<'a>(&'a self, namespace: &'a Namespace, words: &[&str]) -> Scan<'a> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Scan { lab: self, namespace, words, descriptors: None }
    }
}

impl Scan<'_> {
    /// With `ulimit -n` set, the hard limit as well.
    pub(crate) fn descriptors(mut self, limit: u32) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// To its end, which must come within `limit`.
    pub(crate) fn run(self, limit: Duration) -> Outcome {
        self.start().finish(limit)
    }

    /// Runs it and must end well: the NDJSON it wrote.
    pub(crate) fn report(self, limit: Duration) -> Report {
        let outcome = self.run(limit);
        outcome.assert_code(0);
        outcome.report()
    }

    /// Starts it with its output into a file, as a shell's `>` does.
    pub(crate) fn start(self) -> Running {
        let path = self.lab.directory.path().join("stdout");
        let file = File::create(&path).expect("the lab's folder is ours");
        self.spawn(Stdio::from(file), Some(path)).0
    }

    /// Starts it with its output into a pipe, as a shell's `|` does.
    pub(crate) fn start_piped(self) -> (Running, ChildStdout) {
        let (running, pipe) = self.spawn(Stdio::piped(), None);
        (running, pipe.expect("piped"))
    }

    fn spawn(self, stdout: Stdio, stdout_path: Option<PathBuf>) -> (Running, Option<ChildStdout>) {
        let stderr_path = self.lab.directory.path().join("stderr");
        let stderr = File::create(&stderr_path).expect("the lab's folder is ours");
        let start = Instant::now();
        let mut child = self
            .command()
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .expect("ip was asked for by require");
        let pipe = child.stdout.take();
        (Running { child, start, stdout_path, stderr_path }, pipe)
    }

    /// `ip netns exec`, `prlimit` and `setpriv` replace themselves: the process is the scanner.
    fn command(&self) -> Command {
        let mut command = self.namespace.command("setpriv");
        let id = UNPRIVILEGED;
        command.args([format!("--reuid={id}"), format!("--regid={id}"), "--clear-groups".to_owned()]);
        if let Some(limit) = self.descriptors {
            command.arg("prlimit").arg(format!("--nofile={limit}:{limit}"));
        }
        command.arg(&self.lab.binary).args(&self.words);
        command
    }
}

/// A scanner at work; ended when dropped.
pub(crate) struct Running {
    child: Child,
    start: Instant,
    stdout_path: Option<PathBuf>,
    stderr_path: PathBuf,
}

impl Running {
    /// What Ctrl-C sends.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("our own child, not yet waited for");
    }

    /// Its end, which must come within `limit` from now.
    pub(crate) fn finish(mut self, limit: Duration) -> Outcome {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                break status;
            }
            let stderr = || std::fs::read_to_string(&self.stderr_path).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "the scanner did not end within {limit:?}; it said: {}",
                stderr()
            );
            std::thread::sleep(Duration::from_millis(2));
        };
        let wall = self.start.elapsed();
        let read =
            |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        Outcome {
            status,
            wall,
            stdout: self.stdout_path.as_ref().map(read).unwrap_or_default(),
            stderr: read(&self.stderr_path),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to a child that has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a scan ended, and all it said.
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) wall: Duration,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Demands an exit code.
    pub(crate) fn assert_code(&self, code: i32) {
        let (got, signal) = (self.status.code(), self.status.signal());
        assert!(
            got == Some(code),
            "exit code {got:?} (signal {signal:?}), not {code}; stderr:\n{}",
            self.stderr
        );
    }

    /// The NDJSON of `--json`.
    pub(crate) fn report(&self) -> Report {
        Report::parse(&self.stdout)
    }
}
