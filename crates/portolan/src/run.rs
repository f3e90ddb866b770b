use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use portolan_explain::Lang;
use portolan_model::sockets::{Sockets, Traced};
use portolan_model::{Begin, Ended, Ping, Transport, Untrusted};
use portolan_net::NetError;
use portolan_scan::{Engine, Fold, Outlet, Plan, PlanSpec, Settled, Shard, Timing, drive_kept};
use portolan_sys::terminal::AsFound;
use portolan_sys::{clock, privilege};
use portolan_target::{Ports, partition};

use crate::args::{self, Args, ArgsError, Parsed, Resume};
use crate::checkpoint::{CheckpointError, Keep, quoted};
use crate::door::{Denied, Way, Wish, interface_is_wrong};
use crate::exit::{self, DONE, FAILED};
use crate::gather::{Gathered, gather};
use crate::hint;
use crate::outputs::Outputs;
use crate::pipe::Pipe;
use crate::scope::{self, TooPublic};
use crate::seek;
use crate::stop::Stop;
use crate::user;
use crate::wide::TooWide;

/// The published JSON Schema of NDJSON output.
const SCHEMA: &str = include_str!("../../../docs/schema/portolan-1.json");

/// Runs a command line, whose first element is the program's name.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let argv: Vec<OsString> = argv.into_iter().collect();
    let env = |name: &str| std::env::var(name).ok();
    let (lang, hints, result) = match args::parse(argv.iter().cloned(), &env) {
        Ok(Parsed::Run(args)) => (args.lang, args.hints, run(&args, &argv, &env, None)),
        Ok(Parsed::Resume(now)) => (now.lang, now.hints, resume(&now, &argv, &env)),
        Ok(Parsed::Print(text)) => (Lang::En, true, print(&text)),
        Ok(Parsed::Schema) => (Lang::En, true, print(SCHEMA)),
        Err(error) => {
            complain(error.lang, &error.message, error.hint.as_deref());
            return ExitCode::from(FAILED);
        }
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        let complain =
            |message: &str, advice: Option<&str>| complain(lang, message, advice.filter(|_| hints));
        if let Some(denied) = error.downcast_ref::<Denied>() {
            complain(&denied.message(lang), Some(&denied.advice(lang)));
        } else if let Some(refused) = error.downcast_ref::<TooPublic>() {
            complain(&refused.message(lang), Some(refused.advice(lang)));
        } else if let Some(unusable) = error.downcast_ref::<CheckpointError>() {
            complain(&unusable.message(lang), unusable.advice(lang).as_deref());
        } else if let Some(refused) = error.downcast_ref::<ArgsError>() {
            complain(&refused.message, refused.hint.as_deref());
        } else if let Some(refused) = error.downcast_ref::<TooWide>() {
            complain(&refused.message(lang), Some(refused.advice(lang)));
        } else {
            let interface = error.downcast_ref::<NetError>();
            let interface = interface.and_then(|error| interface_is_wrong(error, lang));
            complain(&interface.unwrap_or_else(|| in_one_line(&error)), None);
        }
        FAILED
    }))
}

/// A scan that was stopped, from where it was stopped.
fn resume(now: &Resume, argv: &[OsString], env: &dyn Fn(&str) -> Option<String>) -> Result<u8> {
    let keep = Keep::resume(&now.file)?;
    if keep.is_complete() {
        let path = quoted(&now.file);
        talk(&match now.lang {
            Lang::En => format!("{path}: this scan is complete, nothing is left to ask\n"),
            Lang::Fr => format!("{path}\u{a0}: ce balayage est complet, il ne reste rien à interroger\n"),
        });
        return Ok(DONE);
    }
    let args = args::resumed(keep.argv(), now, env)?;
    keep.enter()?;
    let args = Args { seed: keep.seed(), hints: args.hints && now.hints, ..args };
    run(&args, argv, env, Some(keep))
}

/// A scan, from what was typed to the exit code. `resumed`: where an earlier run of it left off.
fn run(
    args: &Args,
    argv: &[OsString],
    env: &dyn Fn(&str) -> Option<String>,
    resumed: Option<Keep>,
) -> Result<u8> {
    let stop = Stop::install().context("listen to signals")?;
    let _terminal = AsFound;
    let mut keep = match (&resumed, &args.checkpoint) {
        (None, Some(path)) => Some(Keep::new(path, argv)?),
        _ => resumed,
    };
    let mut gathered = gather(args, &portolan_detect::udp_ports())?;
    // Before anything is opened: a refused scan leaves no trace.
    scope::admit(&gathered.asked(), args.authorised.is_some(), scope::attached)?;
    let (way, door) =
        Way::open(&Wish::of(args, &gathered)?, &gathered.entries, gathered.excluded.addresses())?;
    if let Some(wide) = gathered.wide.first().filter(|_| !way.packets) {
        return Err(wide.refused(true).into());
    }
    gathered.put(&way.nodes);
    // What was found is of a prefix of ours, whose length the guard may not believe.
    scope::admit(&gathered.asked(), args.authorised.is_some(), scope::attached)?;
    let plan = plan(args, &gathered, &way)?;
    let goes_on = keep.as_ref().is_some_and(Keep::is_resumed);
    let from = keep.as_ref().map(|keep| keep.from(&plan)).transpose()?.unwrap_or_default();
    let names = Arc::new(gathered.names);
    let user = user::behind_sudo(env);
    let outputs = Outputs::open(args, goes_on, &names, env, &stop, user)?;
    // If it can be written now, it can be at the end; and whatever happens until then, no file is without a scan.
    keep.as_mut().map_or(Ok(()), |keep| keep.write(plan.seed(), &from))?;
    let (failures, progress_every) = (outputs.failures(), outputs.progress_every());
    // Everything that needs a privilege is open, and no thread has started that would keep one.
    privilege::drop_all(user).with_context(|| match user {
        Some(user) => format!("give up privileges, and become user {} (SUDO_UID)", user.uid),
        None => "give up privileges".to_owned(),
    })?;
    let door = door.with_lanes(&plan, &gathered.entries)?;
    let mut engine = Engine::resume(plan.clone(), door.capacity(), &from);
    let mut pipe =
        Pipe::start(Box::new(outputs), trace_out(args), stop, progress_every).context("start the writer")?;
    pipe.begin(begin(args, argv, &plan, (&engine, &way), gathered.targets, gathered.exclusions));
    for warning in gathered.warnings {
        pipe.push(Settled::Warning(Box::new(warning)));
    }
    // Either way the door is closed here, while the writer is still at it: the kernel takes a moment for each of the two.
    let finish = if args.packet_trace {
        let mut door = Traced::new(door, pipe.trace());
        drive_kept(&mut engine, &mut door, &mut pipe)
    } else {
        let mut door = door;
        drive_kept(&mut engine, &mut door, &mut pipe)
    };
    let code = exit::of_scan(&finish, gathered.names_missing);
    let interrupted = finish.ended == Ended::Interrupted;
    // Which sinks failed stands in `failures`; the writer's own result says only whether any of them kept everything.
    let written = pipe.close(finish).is_ok();
    let told = failures.told();
    for failure in &told {
        complain(args.lang, &failure.to_string(), None);
    }
    // What nobody kept is to be asked again: then the file stays as it was at the start.
    if let Some(keep) = keep.as_mut().filter(|_| written && told.is_empty()) {
        keep.write(plan.seed(), &engine.checkpoint())?;
    }
    if interrupted && args.hints && io::stderr().is_terminal() {
        talk(&hint::alone(args.lang, &how_to_go_on(args.lang, keep.as_ref())));
    }
    match (told.is_empty(), failures.reader_left()) {
        (false, _) => Ok(FAILED),
        (true, true) => Ok(DONE),
        (true, false) => Ok(code),
    }
}

/// What can be done about a scan that was stopped.
fn how_to_go_on(lang: Lang, keep: Option<&Keep>) -> String {
    match (keep.map(|keep| quoted(keep.path())), lang) {
        (Some(path), Lang::En) => format!("portolan --resume {path} goes on from here"),
        (Some(path), Lang::Fr) => format!("portolan --resume {path} reprend d’ici"),
        (None, Lang::En) => {
            "with --checkpoint FILE, --resume FILE goes on where a scan was stopped".to_owned()
        }
        (None, Lang::Fr) => {
            "avec --checkpoint FICHIER, --resume FICHIER reprend un balayage là où il fut arrêté".to_owned()
        }
    }
}

/// Where the lines of a trace go, if there are any.
fn trace_out(args: &Args) -> Option<Box<dyn Write + Send>> {
    args.packet_trace.then(|| Box::new(io::stderr()) as Box<dyn Write + Send>)
}

/// As typed and looked up → a plan that can run.
fn plan(args: &Args, gathered: &Gathered, way: &Way) -> Result<Plan> {
    let Some(timing) = Timing::template(args.timing) else {
        bail!("-T{}: there are templates 0 to 5", args.timing)
    };
    let products = if args.hosts_only {
        vec![(gathered.hosts(), Ports::default())]
    } else {
        partition(gathered.entries.clone())
    };
    let mut named = gathered.named.clone();
    if args.assume_up {
        named = products.iter().fold(named, |named, (hosts, _)| named.union(hosts));
    }
    let spec = PlanSpec {
        products,
        named,
        excluded: gathered.excluded.clone(),
        tcp: way.tcp,
        own: way.own.clone(),
        discovery: None,
        hosts_only: args.hosts_only,
        fold: if args.all { Fold::Never } else { Fold::Auto },
        timing,
        max_rate: args.max_rate,
        min_rate: args.min_rate,
        max_retries: args.max_retries,
        host_timeout: args.host_timeout,
        shard: args.shard.map(|(index, count)| Shard { index, count }),
        // Shards are parts of one order, so they must agree on it without a word.
        seed: args.seed.unwrap_or_else(|| if args.shard.is_some() { 0 } else { random() }),
        probes: portolan_detect::UDP,
        // Not the seed, which everybody may read: who knows this could forge answers.
        secret: (random(), random()),
    };
    Ok(seek::plan(spec, args, way.packets)?)
}

fn begin(
    args: &Args,
    argv: &[OsString],
    plan: &Plan,
    (engine, way): (&Engine, &Way),
    targets: Vec<Untrusted>,
    excluded: Vec<Untrusted>,
) -> Begin {
    Begin {
        version: env!("CARGO_PKG_VERSION"),
        argv: argv.iter().map(|word| Untrusted::new(word.as_bytes())).collect(),
        started_unix: clock::unix_seconds(),
        targets,
        excluded,
        authorised: args.authorised.as_deref().map(Untrusted::from),
        ports: plan.main_ports().tcp.to_string(),
        udp_ports: plan.main_ports().udp.to_string(),
        addresses: u128::from(plan.hosts()),
        endpoints: plan.endpoints(),
        hosts_only: args.hosts_only,
        pings: pings(plan, way.packets),
        methods: plan.methods(),
        why: way.why,
        answers_kept: way.answers_kept,
        udp_by: plan.asks(Transport::Udp).then_some(way.datagrams),
        strategy: plan.strategy().name(),
        seed: plan.seed(),
        timing: args.timing,
        max_rate: plan.max_rate(),
        window: engine.window(),
        shard: (plan.shard().index, plan.shard().count),
    }
}

/// How hosts are looked for, in the order of asking.
fn pings(plan: &Plan, packets: bool) -> Vec<Ping> {
    let Some(discovery) = plan.discovery() else { return Vec::new() };
    let neighbour = packets.then_some(Ping::Neighbour);
    neighbour.into_iter().chain(discovery.pings.iter().copied()).collect()
}

/// A number that differs from run to run and that nobody can guess. As the seed it stands in the record, so that any
/// run can be repeated.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

/// An error with its causes; a cause that the error's own words hold already is not said twice.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

fn print(text: &str) -> Result<u8> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("write stdout"),
        _ => Ok(DONE),
    }
}

fn complain(lang: Lang, message: &str, hint: Option<&str>) {
    talk(&hint::told(lang, message, hint));
}

fn talk(text: &str) {
    // Nobody is left to tell if stderr itself is gone.
    let _ = io::stderr().write_all(text.as_bytes());
}
