//! The real program on a pseudoterminal: what it draws, how it is stopped, and how it leaves the terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// So long that it never ends by itself; every port of the loopback answers at once.
const ENDLESS: &str = "127.0.0.1 -p- --max-rate 100";
/// Longer than anything takes; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

const WORKS: &str = "pseudoterminals, setsid and sh work here";

/// A shell on a terminal of 80 columns, which runs portolan and tells the modes before and after it.
struct Session {
    master: File,
    shell: Child,
    seen: String,
}

impl Session {
    fn start(line: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect(WORKS);
        grantpt(&master).expect(WORKS);
        unlockpt(&master).expect(WORKS);
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect(WORKS);
        let name = ptsname(&master, Vec::new()).expect(WORKS);
        let slave: OwnedFd = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect(WORKS);
        let stream = || Stdio::from(slave.try_clone().expect(WORKS));
        // The shell lives on when portolan is interrupted.
        let script = format!(
            "trap : INT QUIT; stty -g; {} {line}; echo rc=$?; stty -g; echo over",
            env!("CARGO_BIN_EXE_portolan")
        );
        let shell = Command::new("setsid")
            .args(["--ctty", "--wait", "sh", "-c", &script])
            .env("TERM", "xterm")
            .env("LC_ALL", "C.UTF-8")
            .env_remove("PORTOLAN_ACCESSIBLE")
            .env_remove("PORTOLAN_LANG")
            .stdin(stream())
            .stdout(stream())
            .stderr(stream())
            .spawn()
            .expect(WORKS);
        Session { master: File::from(master), shell, seen: String::new() }
    }

    fn press(&mut self, keys: &[u8]) {
        self.master.write_all(keys).expect(WORKS);
    }

    /// Reads until this was shown.
    fn until(&mut self, text: &str) {
        let patience = Timespec::try_from(PATIENCE).expect(WORKS);
        while !self.seen.contains(text) {
            let mut ready = [PollFd::new(&self.master, PollFlags::IN)];
            assert_eq!(poll(&mut ready, Some(&patience)), Ok(1), "no {text:?} in {:?}", self.seen);
            let mut bytes = [0; 4096];
            let count = self.master.read(&mut bytes).expect(WORKS);
            self.seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    /// Waits for the end: the exit code, and whether the modes are those from before.
    fn end(mut self) -> (String, bool) {
        self.until("over\r\n");
        self.shell.wait().expect(WORKS);
        let lines: Vec<&str> = self.seen.lines().collect();
        let code = lines.iter().position(|line| line.contains("rc=")).expect(WORKS);
        let told = lines[code].rsplit("rc=").next().expect(WORKS).to_owned();
        (told, lines[0] == lines[code + 1])
    }
}

#[test]
fn q_stops_and_the_terminal_is_as_before() {
    let mut session = Session::start(ENDLESS);
    session.until("q stop");
    // Other keys do nothing, and are not echoed.
    session.press(b"abc\r\x1b[A");
    session.press(b"q");
    session.until("partial");
    assert!(!session.seen.contains("abc"), "{:?}", session.seen);
    assert_eq!(session.end(), ("3".to_owned(), true));
}

#[test]
fn a_signal_key_stops_and_the_terminal_is_as_before() {
    for (key, code) in [(b"\x03", "3"), (b"\x1c", "131")] {
        let mut session = Session::start(ENDLESS);
        session.until("q stop");
        session.press(key);
        assert_eq!(session.end(), (code.to_owned(), true));
    }
}

#[test]
fn with_words_for_a_screen_reader_nothing_moves_the_cursor() {
    let mut session = Session::start(&format!("{ENDLESS} --accessible --stats-every 600ms"));
    session.until("Press q to stop");
    session.until("Progress: ");
    session.press(b"q");
    session.until("partial");
    assert!(!session.seen.contains('\x1b'), "{:?}", session.seen);
    assert_eq!(session.end(), ("3".to_owned(), true));
}
