use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use portolan_explain::Lang;
use portolan_model::sockets::{Sockets, Traced};
use portolan_model::{Begin, Untrusted, Why};
use portolan_scan::{Engine, Fold, Outlet, Plan, PlanSpec, Settled, Shard, Timing, drive};
use portolan_sys::terminal::AsFound;
use portolan_sys::{clock, privilege};
use portolan_target::partition;

use crate::args::{self, Args, Parsed};
use crate::door::{Denied, Way};
use crate::exit::{self, DONE, FAILED};
use crate::gather::{Gathered, gather};
use crate::hint;
use crate::outputs::Outputs;
use crate::pipe::Pipe;
use crate::scope::{self, TooPublic};
use crate::stop::Stop;

/// The published JSON Schema of NDJSON output.
const SCHEMA: &str = include_str!("../../../docs/schema/portolan-1.json");

/// Runs a command line, whose first element is the program's name.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let argv: Vec<OsString> = argv.into_iter().collect();
    let env = |name: &str| std::env::var(name).ok();
    let (lang, hints, result) = match args::parse(argv.iter().cloned(), &env) {
        Ok(Parsed::Run(args)) => (args.lang, args.hints, run(&args, &argv, &env)),
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
            complain(denied.message(lang), Some(&denied.advice(lang)));
        } else if let Some(refused) = error.downcast_ref::<TooPublic>() {
            complain(&refused.message(lang), Some(refused.advice(lang)));
        } else {
            complain(&in_one_line(&error), None);
        }
        FAILED
    }))
}

/// A scan, from what was typed to the exit code.
fn run(args: &Args, argv: &[OsString], env: &dyn Fn(&str) -> Option<String>) -> Result<u8> {
    let stop = Stop::install().context("listen to signals")?;
    let _terminal = AsFound;
    let gathered = gather(args, &portolan_detect::udp_ports())?;
    // Before anything is opened: a refused scan leaves no trace.
    scope::admit(&gathered.asked(), args.authorised.is_some(), scope::attached)?;
    let (way, door) = Way::open(args.method, args.tcp, &gathered.entries, gathered.excluded.addresses())?;
    let plan = plan(args, &gathered, &way)?;
    let names = Arc::new(gathered.names);
    let outputs = Outputs::open(args, &names, env, &stop)?;
    let (failures, progress_every) = (outputs.failures(), outputs.progress_every());
    // Everything that needs a privilege is open, and no thread has started that would keep one.
    privilege::drop_all().context("give up privileges")?;
    let mut door = door.with_lanes(&plan, &gathered.entries)?;
    let engine = Engine::new(plan.clone(), door.capacity());
    let mut pipe =
        Pipe::start(Box::new(outputs), trace_out(args), stop, progress_every).context("start the writer")?;
    pipe.begin(begin(args, argv, &plan, (&engine, way.why), gathered.targets, gathered.exclusions));
    for warning in gathered.warnings {
        pipe.push(Settled::Warning(Box::new(warning)));
    }
    let finish = if args.packet_trace {
        let mut door = Traced::new(door, pipe.trace());
        drive(engine, &mut door, &mut pipe)
    } else {
        drive(engine, &mut door, &mut pipe)
    };
    let code = exit::of_scan(&finish, gathered.names_missing);
    // Which sinks failed stands in `failures`; the writer's own result says no more.
    let _ = pipe.close(finish);
    let told = failures.told();
    for failure in &told {
        complain(args.lang, &failure.to_string(), None);
    }
    match (told.is_empty(), failures.reader_left()) {
        (false, _) => Ok(FAILED),
        (true, true) => Ok(DONE),
        (true, false) => Ok(code),
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
    let products = partition(gathered.entries.clone());
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
    Ok(Plan::new(spec)?)
}

fn begin(
    args: &Args,
    argv: &[OsString],
    plan: &Plan,
    (engine, why): (&Engine, Option<Why>),
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
        methods: plan.methods(),
        why,
        strategy: plan.strategy().name(),
        seed: plan.seed(),
        timing: args.timing,
        max_rate: plan.max_rate(),
        window: engine.window(),
        shard: (plan.shard().index, plan.shard().count),
    }
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
    // Nobody is left to tell if stderr itself is gone.
    let _ = io::stderr().write_all(hint::told(lang, message, hint).as_bytes());
}
