use portolan_explain as words;
use portolan_explain::Lang;
use portolan_model::{Ended, Finish, LossBy, Method, Rate, Why};

use super::finds_open;

/// The sum of a scan: one line of numbers, then what must be known to read them. `sought` is how many addresses there are
/// where nothing but hosts is looked for.
pub(super) fn sentences(
    finish: &Finish,
    (methods, why): (&[Method], Option<Why>),
    sought: Option<u128>,
    lang: Lang,
) -> Vec<String> {
    let mut all = vec![match sought {
        Some(addresses) => hosts(finish, addresses, lang),
        None => numbers(finish, (methods, why), lang),
    }];
    if finish.ended == Ended::Interrupted {
        all.push(words::stopped_early(lang).to_owned());
    }
    if finish.endpoints_unlisted > 0 {
        all.push(words::endpoints_unlisted(lang, finish.endpoints_unlisted));
    }
    if sought.is_none() {
        all.extend(completeness(finish, lang));
    }
    all.extend(rate(&finish.rate, finish.packets, lang));
    if finish.overruns > 0 {
        all.push(words::overruns(lang, finish.overruns));
    }
    if finish.local_faults > 0 {
        all.push(words::local_faults(lang, finish.local_faults));
    }
    if finish.unknown_local > 0 {
        all.push(words::unknown_local(lang, finish.unknown_local));
    }
    all
}

/// The sum of a search for hosts: `256 addresses: 12 up, 240 down, 4 silent, 1.3s, 520 packets.`
fn hosts(finish: &Finish, addresses: u128, lang: Lang) -> String {
    let mut parts = vec![words::up(lang, finish.hosts_up)];
    parts.extend((finish.hosts_down > 0).then(|| words::hosts_down(lang, finish.hosts_down)));
    parts.extend((finish.hosts_silent > 0).then(|| words::hosts_silent(lang, finish.hosts_silent)));
    parts.extend((finish.hosts_aliased > 0).then(|| words::hosts_aliased(lang, finish.hosts_aliased)));
    parts.push(words::elapsed(lang, finish.elapsed));
    parts.push(words::packets(lang, finish.packets));
    if finish.loss >= 0.0005 {
        parts.push(words::loss(lang, &words::percent(lang, finish.loss)));
    }
    words::addresses_sought(lang, addresses, &parts.join(", "))
}

/// What would be shown as all of them.
const WHOLE: f32 = 0.9995;

/// Loss of which less is not told.
const LOSS_TOLD: f32 = 0.0005;

/// What loss may hide. Where none was seen, few answers are no reason to doubt, though they prove little.
fn completeness(finish: &Finish, lang: Lang) -> Option<String> {
    let percent = |share: f32| words::percent(lang, share);
    let bounds = finish.completeness_bounds.filter(|(low, _)| *low < WHOLE && finish.loss >= LOSS_TOLD);
    let bounds = bounds.map(|(low, high)| (percent(low), percent(high)));
    match bounds.filter(|(low, high)| low != high) {
        Some((low, high)) if finish.loss_each_way() >= LOSS_TOLD => {
            Some(words::loss_and_bounds(lang, &percent(finish.loss_each_way()), &low, &high))
        }
        Some((low, high)) => Some(words::completeness_bounds(lang, &low, &high)),
        None if finish.completeness < WHOLE => Some(words::completeness(lang, &percent(finish.completeness))),
        None => None,
    }
}

/// How fast was asked: a scan of a few packets has no pace.
fn rate(rate: &Rate, packets: u64, lang: Lang) -> Vec<String> {
    if packets < FEW_PACKETS || rate.mean == 0 {
        return Vec::new();
    }
    let mut all = Vec::new();
    match rate.steps.split_first() {
        Some((first, later)) if !later.is_empty() => {
            let told = later.iter().take(MOST_STEPS).map(|step| {
                let (pps, from) = (round(step.pps), words::elapsed(lang, step.at));
                words::rate_step(
                    lang,
                    &words::number(lang, pps),
                    &from,
                    words::pace_because(lang, step.because),
                )
            });
            let mut told: Vec<String> = told.collect();
            if let Some(more) = later.len().checked_sub(MOST_STEPS).filter(|more| *more > 0) {
                told.push(words::rate_more_steps(lang, more as u64));
            }
            let first = words::number(lang, round(first.pps));
            all.push(words::rate_steps(lang, &first, &told.join(", ")));
        }
        _ => all.push(words::rate_mean(lang, round(rate.mean))),
    }
    match rate.loss {
        Some(LossBy::Pace) => all.push(words::loss_by_pace(lang).to_owned()),
        Some(LossBy::Chance) => all.push(words::loss_by_chance(lang).to_owned()),
        None => {}
    }
    all
}

const FEW_PACKETS: u64 = 1000;
/// More steps than this are no news.
const MOST_STEPS: usize = 6;

/// To three digits: nobody needs more of a rate.
fn round(rate: u64) -> u64 {
    let unit = 10_u64.saturating_pow(rate.max(1).ilog10().saturating_sub(2));
    rate.saturating_add(unit / 2) / unit * unit
}

fn numbers(finish: &Finish, (methods, why): (&[Method], Option<Why>), lang: Lang) -> String {
    let mut parts = vec![words::hosts_up(lang, finish.hosts_up)];
    if finish.hosts_down > 0 {
        parts.push(words::hosts_down(lang, finish.hosts_down));
    }
    if finish.hosts_silent > 0 {
        parts.push(words::hosts_silent(lang, finish.hosts_silent));
    }
    if finish.hosts_aliased > 0 {
        parts.push(words::hosts_aliased(lang, finish.hosts_aliased));
    }
    parts.extend(finds_open(methods).then(|| words::open_ports(lang, finish.counts.open)));
    parts.push(words::elapsed(lang, finish.elapsed));
    parts.push(words::packets(lang, finish.packets));
    if finish.loss >= LOSS_TOLD {
        parts.push(words::loss(lang, &words::percent(lang, finish.loss)));
    }
    let methods: Vec<&str> = methods.iter().map(|method| method.name()).collect();
    let name = methods.join("+");
    let how = match why {
        _ if methods.is_empty() => String::new(),
        Some(why) => format!(" {}", words::method_why(lang, &name, words::method_because(lang, why))),
        None => format!(" {}", words::method(lang, &name)),
    };
    format!("{}.{how}", parts.join(", "))
}
