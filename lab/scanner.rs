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

/// As whom a scanner runs.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum User {
    /// Without any capability, as most do.
    Nobody,
    /// The same user with CAP_NET_RAW and nothing else, as after `setcap cap_net_raw=ep`.
    MayCapture,
    /// With every capability there is.
    Root,
}

/// A scan to be run in a namespace; as an unprivileged user, unless it says otherwise.
pub(crate) struct Scan<'a> {
    lab: &'a Lab,
    namespace: &'a Namespace,
    words: Vec<String>,
    user: User,
    descriptors: Option<u32>,
    variables: Vec<(&'static str, String)>,
}

impl Lab {
    /// `portolan WORDS` in a namespace.
    pub(crate) fn scan<'a>(&'a self, namespace: &'a Namespace, words: &[&str]) -> Scan<'a> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Scan { lab: self, namespace, words, user: User::Nobody, descriptors: None, variables: Vec::new() }
    }
}

impl Scan<'_> {
    /// As this user.
    pub(crate) fn by(mut self, user: User) -> Self {
        self.user = user;
        self
    }

    /// With `ulimit -n` set, the hard limit as well.
    pub(crate) fn descriptors(mut self, limit: u32) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// With a variable of its environment.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
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
        command.args(self.user.words());
        if let Some(limit) = self.descriptors {
            command.arg("prlimit").arg(format!("--nofile={limit}:{limit}"));
        }
        command.arg(&self.lab.binary).args(&self.words);
        // Whoever runs the lab by sudo is not who runs the scanner.
        command.env_remove("SUDO_UID").env_remove("SUDO_GID");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl User {
    /// What setpriv(1) is told.
    fn words(self) -> Vec<String> {
        let mut words = vec!["--clear-groups".to_owned()];
        if self != User::Root {
            words.extend(["--reuid", "--regid"].map(|id| format!("{id}={UNPRIVILEGED}")));
        }
        if self == User::MayCapture {
            // An ambient capability stays when a program is started, which one of a file needs no help for.
            let sets = ["--inh-caps", "--ambient-caps", "--bounding-set"];
            words.extend(sets.map(|set| format!("{set}=-all,+net_raw")));
        }
        words
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
        self.signal(Signal::INT);
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("our own child, not yet waited for");
    }

    /// Keeps it from running, as where a machine is too busy, or asleep.
    pub(crate) fn suspend(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("our own child, not yet waited for");
    }

    /// Lets it run again.
    pub(crate) fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("our own child, not yet waited for");
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far, if its output goes into a file.
    pub(crate) fn stdout(&self) -> String {
        self.stdout_path.as_ref().map(read).unwrap_or_default()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_none()
    }

    /// Waits until something is true of it, which must come within `limit` and before its end.
    pub(crate) fn until(&mut self, what: &str, limit: Duration, mut is_true: impl FnMut(&Running) -> bool) {
        let deadline = Instant::now() + limit;
        while !is_true(self) {
            assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
            assert!(self.is_running(), "the scanner ended before {what}: {}", read(&self.stderr_path));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Its end, which must come within `limit` from now.
    pub(crate) fn finish(mut self, limit: Duration) -> Outcome {
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "the scanner did not end within {limit:?}; it said: {}",
                read(&self.stderr_path)
            );
            std::thread::sleep(Duration::from_millis(2));
        };
        let wall = self.start.elapsed();
        Outcome { status, wall, stdout: self.stdout(), stderr: read(&self.stderr_path) }
    }
}

fn read(path: &PathBuf) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
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
