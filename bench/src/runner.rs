use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portolan_lab::which;
use tempfile::TempDir;

use crate::machine::{Machine, first_line};
use crate::results::{Cost, Measured, Peer, Run};
use crate::scenario::{LIMIT_SECONDS, Program, Scenario, User};
use crate::score::Score;
use crate::told;
use crate::world::World;

/// The programs that are measured, where an unprivileged user can start them.
pub(crate) struct Tools {
    /// As whom they are started.
    user: User,
    /// Removed at the end, with everything in it.
    folder: TempDir,
    /// Set by Ctrl-C: the run that is under way is the last, and its world is taken down.
    stopped: Arc<AtomicBool>,
    /// The commit that portolan was built from.
    commit: String,
}

impl Tools {
    pub(crate) fn find(rustscan: &Path, commit: &str, user: User) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("the bench needs root for network namespaces".to_owned());
        }
        let needed = ["ip", "tc", "nft", "setpriv", "prlimit", "sysctl"];
        if let Some(tool) = needed.into_iter().find(|tool| which(tool).is_none()) {
            return Err(format!("{tool} is not installed (cargo xtask setup)"));
        }
        let stopped = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            let registered = signal_hook::flag::register(signal, Arc::clone(&stopped));
            registered.map_err(|error| format!("signal {signal}: {error}"))?;
        }
        let folder = TempDir::with_prefix("portolan-bench-").map_err(|error| error.to_string())?;
        let tools = Tools { user, folder, stopped, commit: commit.to_owned() };
        tools.fill(rustscan).map_err(|error| format!("the bench's folder: {error}"))?;
        Ok(tools)
    }

    /// Copies the programs out of the build directory, which other users may not be able to read.
    fn fill(&self, rustscan: &Path) -> std::io::Result<()> {
        let mode = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode));
        mode(self.folder.path(), 0o755)?;
        std::fs::create_dir(self.path("out"))?;
        mode(&self.path("out"), 0o777)?;
        let here = std::env::current_exe()?;
        let ours = |name| here.with_file_name(name);
        for file in [&ours("portolan"), &ours("portolan-lab"), rustscan] {
            if let Some(name) = file.file_name().filter(|_| file.is_file()) {
                let copy = self.folder.path().join(name);
                std::fs::copy(file, &copy)?;
                mode(&copy, 0o755)?;
            }
        }
        Ok(())
    }

    /// Every program in turn, round after round.
    pub(crate) fn measure(&self, scenario: &Scenario, rounds: usize) -> Result<Measured, String> {
        println!("\n== {}: {}", scenario.name, scenario.about);
        let world = World::new(scenario.place, self.user, &self.path("portolan-lab"))?;
        let (mut present, mut skipped) = (Vec::new(), Vec::new());
        for program in scenario.programs {
            match self.peer(&world, program) {
                Ok(peer) => present.push((program, peer)),
                Err(why) => {
                    println!("SKIPPED {}: {why}", program.name);
                    skipped.push(format!("{}: {why}", program.name));
                }
            }
        }
        let floor = self.run(&world, &[which("true").unwrap_or("true".into()).display().to_string()])?;
        let mut runs = Vec::new();
        let rounds = rounds * scenario.repeat;
        for round in 1..=rounds {
            for (program, peer) in &present {
                let (cost, score) = self.once(&world, program)?;
                println!("{}", line(round, rounds, &peer.name, &cost, score.as_ref()));
                runs.push(Run { round, program: peer.name.clone(), cost, score });
            }
        }
        Ok(Measured {
            name: scenario.name.to_owned(),
            about: scenario.about.to_owned(),
            machine: Machine::here(floor.peak_kib),
            programs: present.into_iter().map(|(_, peer)| peer).collect(),
            skipped,
            counted: world.finish(),
            floor: scenario.floor,
            runs,
        })
    }

    /// The program as it stands in the results, or why it cannot run. Asking for its version also brings it into the
    /// memory of the machine, so that its first round is like the others. It is asked in the world that it may scan.
    fn peer(&self, world: &World, program: &Program) -> Result<Peer, String> {
        let tool = program.command.split(' ').next().unwrap_or_default();
        let file = self.locate(tool).ok_or_else(|| format!("{tool} is not installed"))?;
        let version = match tool {
            "portolan-lab" => self.commit.clone(),
            _ => first_line(world.scanner.command(&file.display().to_string()).arg("--version"))
                .unwrap_or_default(),
        };
        Ok(Peer {
            name: program.name.to_owned(),
            command: program.command.to_owned(),
            version: if tool == "portolan" { format!("{version} ({})", self.commit) } else { version },
            goals: program.goals,
        })
    }

    /// One run, and its score unless the program failed.
    fn once(&self, world: &World, program: &Program) -> Result<(Cost, Option<Score>), String> {
        let file = self.path("out/found");
        let _ = std::fs::remove_file(&file);
        let words: Vec<String> = program
            .command
            .split(' ')
            .map(|word| match word {
                "TARGET" => world.address.to_owned(),
                "FILE" => file.display().to_string(),
                "ROUTER" => world.router().unwrap_or_default(),
                _ => word.to_owned(),
            })
            .collect();
        let cost = self.run(world, &words)?;
        if cost.code != Some(0) {
            return Ok((cost, None));
        }
        let stdout = read(&self.path("out/stdout"))?;
        let told = match (words[0].as_str(), file.exists()) {
            ("portolan", true) => told::by_portolan(&read(&file)?, world.address),
            ("portolan", false) => told::by_portolan_quiet(&stdout)?,
            ("nmap", true) => told::by_nmap(&read(&file)?)?,
            ("nmap", false) => told::by_nmap_table(&stdout)?,
            ("masscan", true) => told::by_masscan(&read(&file)?)?,
            // It makes the file when it has found something.
            ("masscan", false) => told::by_masscan("")?,
            ("rustscan", _) => told::by_rustscan(&stdout)?,
            _ => told::by_bare_loop(&stdout)?,
        };
        Ok((cost, Some(Score::of(&told, &world.truth))))
    }

    /// Runs a program in the scanner's namespace.
    fn run(&self, world: &World, words: &[String]) -> Result<Cost, String> {
        let program = self.locate(&words[0]).ok_or_else(|| format!("{} is not installed", words[0]))?;
        let measure = self.path("portolan-lab");
        let mut command = match self.user {
            User::Root => world.scanner.command(&measure.display().to_string()),
            User::Nobody => {
                let mut command = world.scanner.command("setpriv");
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(measure);
                command
            }
        };
        // masscan writes where it stopped into the folder that it is started in.
        command.current_dir(self.path("out")).arg("measure");
        command.args([self.path("out/stdout"), self.path("out/stderr")]).arg(LIMIT_SECONDS.to_string());
        command.arg(program).args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::inherit());
        let _changing = world.begin_changes();
        let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
        if self.stopped.load(Ordering::Relaxed) {
            return Err("stopped: this scenario is not kept".to_owned());
        }
        let told = serde_json::from_slice(&output.stdout);
        told.map_err(|error| format!("{} was not measured: {error}, {}", words[0], output.status))
    }

    fn locate(&self, tool: &str) -> Option<PathBuf> {
        Some(self.path(tool)).filter(|file| file.is_file()).or_else(|| which(tool))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn read(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What the person at the terminal sees of a run.
fn line(round: usize, rounds: usize, name: &str, cost: &Cost, score: Option<&Score>) -> String {
    let head = format!("{round}/{rounds}  {name:<18} {:>8.3} s  cpu {:>6.3} s", cost.wall_s, cost.cpu_s());
    let Some(score) = score else { return format!("{head}  FAILED ({})", ending(cost)) };
    let others = score.others.map_or(String::new(), |others| format!(", {} others wrong", others.sum()));
    let (found, open, wrong) = (score.open_found, score.open, score.false_open);
    format!("{head}  {:>5.1} MB  {found}/{open} open, {wrong} false{others}", cost.peak_kib as f64 / 1024.0)
}

fn ending(cost: &Cost) -> String {
    cost.code
        .map_or("ended by a signal, or by us after its time".to_owned(), |code| format!("exit code {code}"))
}
