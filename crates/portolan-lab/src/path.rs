//! What a path between two namespaces does to packets, and how that is written.
//!
//! Words `key=value`, such as `delay=10ms loss=0.05 outage=2s,1500ms`. A word holds for both directions, with `there:` or
//! `back:` before it for one of them: from the first device to the second, or the other way. Of two words that say the
//! same, the later holds.

use std::str::FromStr;
use std::time::Duration;

/// A whole path: both directions, and what they have in common.
#[derive(Clone, PartialEq, Debug)]
pub struct Route {
    /// `seed=7`: what chance decides, it decides the same for the same seed.
    pub seed: u64,
    /// There and back.
    pub ways: [Path; 2],
    /// `flows=200,30s` or `flows=200,30s,1s`: there is a box on the way that keeps a table of flows.
    pub flows: Option<Room>,
}

/// One direction.
#[derive(Clone, PartialEq, Debug)]
pub struct Path {
    /// `delay=10ms`: what every packet takes.
    pub delay: Duration,
    /// `jitter=5ms`: up to so much more, uniformly, each packet for itself: they overtake each other.
    pub jitter: Duration,
    /// `loss=0.05`: how probably a packet is lost, whatever became of the others.
    pub loss: f64,
    /// `limit=1000`: how many packets it holds; what comes when it is full is dropped.
    pub limit: usize,
    /// `duplicate=0.1`: how probably a packet arrives twice.
    pub duplicate: f64,
    /// `reorder=0.1,30ms`: how probably a packet is held back, and for how long.
    pub reorder: Option<(f64, Duration)>,
    /// `burst=900ms,100ms,1`: losses come in bursts.
    pub bursts: Option<Bursts>,
    /// `rate=1mbit` or `rate=1mbit,100kbit@2s,1mbit@4s`: the narrowest place, in bits a second from these times on. The
    /// first is from the beginning on; none is zero.
    pub rate: Vec<(Duration, u64)>,
    /// `queue=50ms` or `queue=20kB`: what may wait before the narrowest place.
    pub queue: Option<Queue>,
    /// `outage=2s,1500ms` or `outage=2s,1500ms,5s`: it is cut for a while.
    pub outage: Option<Outage>,
}

/// Good and bad spells by turns, each of exponential length (Gilbert and Elliott); it begins with a good one.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Bursts {
    /// Mean length of a good one.
    pub good: Duration,
    /// Mean length of a bad one.
    pub bad: Duration,
    /// How probably a packet is lost in a bad one.
    pub loss: f64,
}

/// How long a queue may become. What would have to wait longer is dropped.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Queue {
    /// By how long its last packet waits.
    Time(Duration),
    /// By what is in it.
    Octets(u64),
}

/// Everything is lost for a while. Times count from the first TCP segment or datagram that either direction meets.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Outage {
    /// When it begins.
    pub after: Duration,
    /// How long it is.
    pub lasts: Duration,
    /// From one beginning to the next, if it comes again.
    pub every: Option<Duration>,
}

/// A table of flows, as a translator of addresses or a firewall keeps it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Room {
    /// How many flows it holds.
    pub entries: usize,
    /// How long it remembers one of which no packet comes.
    pub idle: Duration,
    /// The same once one end has reset it.
    pub reset: Duration,
}

impl Default for Path {
    fn default() -> Self {
        Path {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            limit: 1 << 17,
            duplicate: 0.0,
            reorder: None,
            bursts: None,
            rate: Vec::new(),
            queue: None,
            outage: None,
        }
    }
}

impl FromStr for Route {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut route = Route { seed: 1, ways: [Path::default(), Path::default()], flows: None };
        for word in text.split_whitespace() {
            route.obey(word).map_err(|why| format!("{word}: {why}"))?;
        }
        if route.ways.iter().any(|way| way.queue.is_some() && way.rate.is_empty()) {
            return Err("a queue, and no rate that it could wait for".to_owned());
        }
        Ok(route)
    }
}

impl Route {
    fn obey(&mut self, word: &str) -> Result<(), String> {
        let (key, value) = word.split_once('=').ok_or("no value")?;
        match key {
            "seed" => self.seed = number(value)?,
            "flows" => self.flows = Some(room(value)?),
            _ => match key.split_once(':') {
                Some(("there", key)) => self.ways[0].obey(key, value)?,
                Some(("back", key)) => self.ways[1].obey(key, value)?,
                Some(_) => return Err("neither there nor back".to_owned()),
                None => self.ways.iter_mut().try_for_each(|way| way.obey(key, value))?,
            },
        }
        Ok(())
    }
}

impl Path {
    fn obey(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "delay" => self.delay = time(value)?,
            "jitter" => self.jitter = time(value)?,
            "loss" => self.loss = share(value)?,
            "limit" => self.limit = number(value)?,
            "duplicate" => self.duplicate = share(value)?,
            "reorder" => {
                let [probability, after] = parts(value)?;
                self.reorder = Some((share(probability)?, time(after)?));
            }
            "burst" => {
                let [good, bad, loss] = parts(value)?;
                self.bursts = Some(Bursts { good: time(good)?, bad: time(bad)?, loss: share(loss)? });
            }
            "rate" => self.rate = rates(value)?,
            "queue" => self.queue = Some(queue(value)?),
            "outage" => self.outage = Some(outage(value)?),
            _ => return Err("no such key".to_owned()),
        }
        Ok(())
    }
}

/// `1mbit,100kbit@2s`.
fn rates(value: &str) -> Result<Vec<(Duration, u64)>, String> {
    let step = |part: &str| {
        let (rate, from) = part.split_once('@').unwrap_or((part, "0s"));
        Ok((time(from)?, bits(rate)?))
    };
    let steps: Vec<_> = value.split(',').map(step).collect::<Result<_, String>>()?;
    let in_order = steps.is_sorted_by(|one, next| one.0 < next.0);
    if in_order && steps[0].0.is_zero() { Ok(steps) } else { Err("not from 0s on, in order".to_owned()) }
}

fn queue(value: &str) -> Result<Queue, String> {
    match value.strip_suffix('B') {
        None => Ok(Queue::Time(time(value)?)),
        Some(octets) => match octets.strip_suffix('k') {
            None => Ok(Queue::Octets(number(octets)?)),
            Some(thousands) => Ok(Queue::Octets(number::<u32>(thousands)? as u64 * 1000)),
        },
    }
}

fn outage(value: &str) -> Result<Outage, String> {
    let (after, lasts, every) = match *value.split(',').collect::<Vec<_>>().as_slice() {
        [after, lasts] => (after, lasts, None),
        [after, lasts, every] => (after, lasts, Some(time(every)?)),
        _ => return Err("not two or three times".to_owned()),
    };
    let outage = Outage { after: time(after)?, lasts: time(lasts)?, every };
    if every.is_some_and(|every| every <= outage.lasts) {
        return Err("it comes again before it is over".to_owned());
    }
    Ok(outage)
}

fn room(value: &str) -> Result<Room, String> {
    let (entries, idle, reset) = match *value.split(',').collect::<Vec<_>>().as_slice() {
        [entries, idle] => (entries, idle, idle),
        [entries, idle, reset] => (entries, idle, reset),
        _ => return Err("not a number and one or two times".to_owned()),
    };
    Ok(Room { entries: number(entries)?, idle: time(idle)?, reset: time(reset)? })
}

fn parts<const N: usize>(value: &str) -> Result<[&str; N], String> {
    let parts: Vec<&str> = value.split(',').collect();
    parts.try_into().map_err(|_| format!("not {N} values"))
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

/// `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let share: f64 = number(text)?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(format!("{text} is not between 0 and 1")) }
}

/// `1500ms`; also `us` and `s`, whole numbers.
fn time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let count: u32 = digits.parse().map_err(|_| format!("{text} is no time"))?;
    match &text[digits.len()..] {
        "us" => Ok(Duration::from_micros(count.into())),
        "ms" => Ok(Duration::from_millis(count.into())),
        "s" => Ok(Duration::from_secs(count.into())),
        _ => Err(format!("{text}: the unit is us, ms or s")),
    }
}

/// `100kbit`; also `bit` and `mbit`, whole numbers above zero.
fn bits(text: &str) -> Result<u64, String> {
    let units = [("kbit", 1_000), ("mbit", 1_000_000), ("bit", 1)];
    let found = units.iter().find_map(|(unit, times)| Some((text.strip_suffix(unit)?, times)));
    let (digits, times) = found.ok_or_else(|| format!("{text}: the unit is bit, kbit or mbit"))?;
    match number::<u32>(digits)? {
        0 => Err(format!("{text}: nothing would ever pass")),
        count => Ok(u64::from(count) * times),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn everything_that_can_be_written() {
        let text = "seed=7 delay=10ms jitter=500us loss=0.25 limit=9 duplicate=0.1 reorder=0.2,30ms burst=900ms,100ms,1 \
                    rate=1mbit,100kbit@2s queue=20kB outage=2s,1500ms,5s flows=200,30s,1s";
        let way = Path {
            delay: ms(10),
            jitter: Duration::from_micros(500),
            loss: 0.25,
            limit: 9,
            duplicate: 0.1,
            reorder: Some((0.2, ms(30))),
            bursts: Some(Bursts { good: ms(900), bad: ms(100), loss: 1.0 }),
            rate: vec![(ms(0), 1_000_000), (ms(2000), 100_000)],
            queue: Some(Queue::Octets(20_000)),
            outage: Some(Outage { after: ms(2000), lasts: ms(1500), every: Some(ms(5000)) }),
        };
        let flows = Some(Room { entries: 200, idle: ms(30_000), reset: ms(1000) });
        assert_eq!(text.parse(), Ok(Route { seed: 7, ways: [way.clone(), way], flows }));
    }

    #[test]
    fn a_word_may_be_of_one_direction_and_the_later_one_holds() {
        let route: Route = "loss=0.5 there:loss=0.1 back:rate=8bit back:queue=50ms".parse().unwrap();
        let [there, back] = &route.ways;
        assert_eq!((there.loss, back.loss), (0.1, 0.5));
        assert_eq!(
            (there.rate.len(), &back.rate, back.queue),
            (0, &vec![(ms(0), 8)], Some(Queue::Time(ms(50))))
        );
        assert_eq!("".parse(), Ok(Route { seed: 1, ways: Default::default(), flows: None }));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (text, why) in [
            ("delay", "delay: no value"),
            ("speed=3", "speed=3: no such key"),
            ("there:seed=3", "there:seed=3: no such key"),
            ("up:loss=0", "up:loss=0: neither there nor back"),
            ("loss=1.5", "loss=1.5: 1.5 is not between 0 and 1"),
            ("loss=NaN", "loss=NaN: NaN is not between 0 and 1"),
            ("delay=10", "delay=10: 10: the unit is us, ms or s"),
            ("delay=ms", "delay=ms: ms is no time"),
            ("rate=0bit", "rate=0bit: 0bit: nothing would ever pass"),
            ("rate=1gbit", "rate=1gbit: 1g is no number"),
            ("rate=1kbit@1s", "rate=1kbit@1s: not from 0s on, in order"),
            ("rate=1kbit,2kbit@2s,1kbit@1s", "rate=1kbit,2kbit@2s,1kbit@1s: not from 0s on, in order"),
            ("queue=5ms", "a queue, and no rate that it could wait for"),
            ("reorder=0.1", "reorder=0.1: not 2 values"),
            ("outage=1s,2s,2s", "outage=1s,2s,2s: it comes again before it is over"),
            ("flows=200", "flows=200: not a number and one or two times"),
        ] {
            assert_eq!(text.parse::<Route>(), Err(why.to_owned()));
        }
    }
}
