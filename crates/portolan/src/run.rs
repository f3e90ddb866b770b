use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use portolan_explain::Lang;
use portolan_model::sockets::{Sockets, Traced};
use portolan_model::{Address, AddressRange, Begin, Method, Transport, Untrusted};
use portolan_net::SocketDoor;
use portolan_scan::{Engine, Fold, Outlet, Plan, PlanSpec, Settled, Shard, Timing, drive};
use portolan_sys::clock;
use portolan_sys::terminal::AsFound;
use portolan_target::{AddressSet, Ports, partition};

use crate::args::{self, Args, Parsed};
use crate::exit::{self, DONE, FAILED};
use crate::gather::{Gathered, gather};
use crate::hint;
use crate::outputs::Outputs;
use crate::pipe::Pipe;
use crate::stop::Stop;

/// The published JSON Schema of NDJSON output.
const SCHEMA: &str = include_str!("../../../docs/schema/portolan-1.json");

/// Runs a command line, whose first element is the program's name.
pub fn main(argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let argv: Vec<OsString> = argv.into_iter().collect();
    let env = |name: &str| std::env::var(name).ok();
    let (lang, result) = match args::parse(argv.iter().cloned(), &env) {
        Ok(Parsed::Run(args)) => (args.lang, run(&args, &argv, &env)),
        Ok(Parsed::Print(text)) => (Lang::En, print(&text)),
        Ok(Parsed::Schema) => (Lang::En, print(SCHEMA)),
        Err(error) => {
            complain(error.lang, &error.message, error.hint.as_deref());
            return ExitCode::from(FAILED);
        }
    };
    ExitCode::from(result.unwrap_or_else(|error| {
        complain(lang, &in_one_line(&error), None);
        FAILED
    }))
}

/// A scan, from what was typed to the exit code.
fn run(args: &Args, argv: &[OsString], env: &dyn Fn(&str) -> Option<String>) -> Result<u8> {
    let stop = Stop::install().context("listen to signals")?;
    let _terminal = AsFound;
    let gathered = gather(args, &portolan_detect::udp_ports())?;
    let plan = plan(args, &gathered)?;
    let names = Arc::new(gathered.names);
    let outputs = Outputs::open(args, &names, env, &stop)?;
    let (failures, progress_every) = (outputs.failures(), outputs.progress_every());
    let mut door = SocketDoor::open(gathered.excluded.addresses().clone())?;
    if pays_a_second_lane(&plan, &gathered.entries) {
        door = door.with_second_lane()?;
    }
    let engine = Engine::new(plan.clone(), door.capacity());
    let mut pipe =
        Pipe::start(Box::new(outputs), trace_out(args), stop, progress_every).context("start the writer")?;
    pipe.begin(begin(args, argv, &plan, &engine, gathered.targets, gathered.exclusions));
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
fn plan(args: &Args, gathered: &Gathered) -> Result<Plan> {
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

/// Whether so much is connected to beyond the loopback, and so fast, that a second thread pays.
fn pays_a_second_lane(plan: &Plan, entries: &[(AddressSet, Ports)]) -> bool {
    const MANY: u128 = 10_000;
    let slow = plan.timing().rate.is_some() || plan.max_rate().is_some_and(|rate| u128::from(rate) <= MANY);
    if slow || !plan.asks(Transport::Tcp) || plan.endpoints() <= MANY {
        return false;
    }
    let loopback: AddressSet = [
        (Address::from(Ipv4Addr::new(127, 0, 0, 0)), Address::from(Ipv4Addr::new(127, 255, 255, 255))),
        (Address::new(Ipv6Addr::LOCALHOST.into()), Address::new(Ipv6Addr::LOCALHOST.into())),
    ]
    .into_iter()
    .map(|(first, last)| AddressRange { first, last })
    .collect();
    let beyond = entries.iter().any(|(hosts, _)| !hosts.difference(&loopback).is_empty());
    // Last, since it reads files.
    beyond && std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
}

fn begin(
    args: &Args,
    argv: &[OsString],
    plan: &Plan,
    engine: &Engine,
    targets: Vec<Untrusted>,
    excluded: Vec<Untrusted>,
) -> Begin {
    Begin {
        version: env!("CARGO_PKG_VERSION"),
        argv: argv.iter().map(|word| Untrusted::new(word.as_bytes())).collect(),
        started_unix: clock::unix_seconds(),
        targets,
        excluded,
        ports: plan.main_ports().tcp.to_string(),
        udp_ports: plan.main_ports().udp.to_string(),
        addresses: u128::from(plan.hosts()),
        endpoints: plan.endpoints(),
        methods: [Transport::Tcp, Transport::Udp]
            .into_iter()
            .filter(|transport| plan.asks(*transport))
            .map(Method::of)
            .collect(),
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
fn random() -> u64 {
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
