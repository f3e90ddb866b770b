use std::fmt::Write;

use crate::numbers::Spread;
use crate::results::{Measured, Peer, Results, Run};
use crate::scenario::{Floor, LIMIT_SECONDS, Suite, User};
use crate::score::{Others, Score};

/// The whole of the page of a suite.
pub(crate) fn page(suite: &Suite, results: &Results) -> String {
    let mut page = head(suite);
    for measured in &results.scenarios {
        page += "\n";
        page += &section(measured);
    }
    page
}

fn head(suite: &Suite) -> String {
    let Suite { name, title, .. } = suite;
    let user = match suite.user {
        User::Nobody => "an unprivileged user",
        User::Root => "root",
    };
    format!(
        "\
# {title}, side by side

Computed from `results/{name}.json` by `cargo xtask bench`; `cargo xtask bench --check` compares. CONTRIBUTING.md says how
to measure anew.

The programs take turns: each row is so many rounds of the same host, `median [min..max]`. Wall seconds and CPU seconds are
of the whole process, started as {user}; memory is its peak resident size. Every verdict is held against the
truth. *Recall*: open ports that were found. *False open*: ports told to be open that are not, in all rounds together. *Wrong*:
other ports whose verdict is wrong or missing, in all rounds together, for programs that tell of them. *Failed*: ended with an
error, or not done after {LIMIT_SECONDS} s and ended by us. Ratios are taken round by round.
"
    )
}

fn section(measured: &Measured) -> String {
    let mut text = format!("## {}\n\n{}\n\n", measured.name, measured.about);
    let machine = &measured.machine;
    let _ = writeln!(
        text,
        "Measured {} on {} cores of {}, Linux {}; a program that does nothing has {} MB.\n",
        machine.date,
        machine.cores,
        machine.processor,
        machine.kernel,
        megabytes(machine.peak_floor_kib)
    );
    text += "| program | rounds | wall s | cpu s | peak MB | recall | false open | wrong |\n";
    text += "|---|---|---|---|---|---|---|---|\n";
    for peer in &measured.programs {
        text += &row(measured, peer);
    }
    let mut ratios: String = measured.programs.iter().skip(1).map(|peer| ratio_row(measured, peer)).collect();
    ratios += &measured.floor.map_or(String::new(), |floor| floor_row(measured, &floor));
    if !ratios.is_empty() {
        text += "\n| ratio | wall | cpu | goal for wall | goal for cpu |\n|---|---|---|---|---|\n";
        text += &ratios;
    }
    let own: String = measured.programs.iter().map(|peer| own_rows(measured, peer)).collect();
    if !own.is_empty() {
        text += "\n| by itself | in the worst round | goal |\n|---|---|---|\n";
        text += &own;
    }
    text += "\n```\n";
    for peer in &measured.programs {
        let _ = writeln!(text, "{:<18} {}", peer.name, peer.command);
    }
    text += "```\n\n";
    for peer in &measured.programs {
        let _ = writeln!(text, "- {}: {}", peer.name, peer.version);
    }
    for skipped in &measured.skipped {
        let _ = writeln!(text, "- SKIPPED {skipped}");
    }
    for counts in &measured.counted {
        let _ = writeln!(text, "- counted, {counts}");
    }
    text
}

fn row(measured: &Measured, peer: &Peer) -> String {
    let good: Vec<&Run> = measured.good(&peer.name).collect();
    let all = measured.runs.iter().filter(|run| run.program == peer.name).count();
    let failed = if good.len() < all { format!(" ({} failed)", all - good.len()) } else { String::new() };
    let scores = || good.iter().filter_map(|run| run.score.as_ref());
    let wrong = scores().map(|score| score.others.map(Others::sum)).sum::<Option<usize>>();
    format!(
        "| {} | {}{failed} | {} | {} | {} | {} | {} | {} |\n",
        peer.name,
        good.len(),
        show(good.iter().map(|run| run.cost.wall_s), 3),
        show(good.iter().map(|run| run.cost.cpu_s()), 3),
        show(good.iter().map(|run| run.cost.peak_kib as f64 / 1024.0), 1),
        show(scores().map(Score::recall), 3),
        scores().map(|score| score.false_open).sum::<usize>(),
        wrong.filter(|_| !good.is_empty()).map_or(NOTHING.to_owned(), |wrong| wrong.to_string()),
    )
}

/// The first program's figures divided by this one's, round by round.
fn ratio_row(measured: &Measured, peer: &Peer) -> String {
    let Some(first) = measured.programs.first() else { return String::new() };
    let pairs: Vec<(&Run, &Run)> = measured
        .good(&first.name)
        .filter_map(|own| Some((own, measured.good(&peer.name).find(|other| other.round == own.round)?)))
        .collect();
    let wall = Spread::of(pairs.iter().map(|(own, other)| own.cost.wall_s / other.cost.wall_s));
    let cpu = Spread::of(pairs.iter().map(|(own, other)| own.cost.cpu_s() / other.cost.cpu_s()));
    let text = |spread: Option<Spread>| spread.map_or(NOTHING.to_owned(), |spread| spread.show(2));
    format!(
        "| {} / {} | {} | {} | {} | {} |\n",
        first.name,
        peer.name,
        text(wall),
        text(cpu),
        at_most(peer.goals.wall, wall),
        at_most(peer.goals.cpu, cpu)
    )
}

/// The first program's wall time divided by what the path alone takes.
fn floor_row(measured: &Measured, floor: &Floor) -> String {
    let Some(first) = measured.programs.first() else { return String::new() };
    let wall = Spread::of(measured.good(&first.name).map(|own| own.cost.wall_s / floor.seconds()));
    let text = wall.map_or(NOTHING.to_owned(), |wall| wall.show(2));
    let Floor { frames, octets, .. } = floor;
    let (seconds, goal) = (floor.seconds(), at_most(Some(f64::from(floor.goal_percent) / 100.0), wall));
    format!(
        "| {} / floor: {frames} frames of {octets} octets, {seconds:.3} s | {text} | – | {goal} | – |\n",
        first.name
    )
}

/// A goal, and whether the median reaches it.
fn at_most(goal: Option<f64>, figures: Option<Spread>) -> String {
    match (goal, figures) {
        (Some(goal), Some(figures)) => format!("{goal:.2}: {}", met(figures.median <= goal)),
        _ => NOTHING.to_owned(),
    }
}

/// What a program has to reach in every round, whatever the others do. A round that failed found nothing.
fn own_rows(measured: &Measured, peer: &Peer) -> String {
    let runs = || measured.runs.iter().filter(|run| run.program == peer.name);
    let peak = Spread::of(runs().map(|run| run.cost.peak_kib as f64 / 1024.0));
    let recall = Spread::of(runs().map(|run| run.score.as_ref().map_or(0.0, Score::recall)));
    let mut text = String::new();
    if let (Some(goal), Some(Spread { max, .. })) = (peer.goals.peak_mb, peak) {
        let _ = writeln!(text, "| peak MB of {} | {max:.1} | {goal:.1}: {} |", peer.name, met(max <= goal));
    }
    if let (Some(goal), Some(Spread { min, .. })) = (peer.goals.recall, recall) {
        let _ = writeln!(text, "| recall of {} | {min:.3} | {goal:.3}: {} |", peer.name, met(min >= goal));
    }
    text
}

fn met(is_met: bool) -> &'static str {
    if is_met { "met" } else { "not met" }
}

fn show(figures: impl Iterator<Item = f64>, decimals: usize) -> String {
    Spread::of(figures).map_or(NOTHING.to_owned(), |spread| spread.show(decimals))
}

fn megabytes(kib: u64) -> String {
    format!("{:.1}", kib as f64 / 1024.0)
}

const NOTHING: &str = "–";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::example;
    use crate::scenario::Goals;

    #[test]
    fn failures_skips_and_goals_are_said() {
        let text = section(&example("veth"));
        let lines: Vec<&str> =
            text.lines().filter(|line| line.starts_with("| ") || line.starts_with("- ")).collect();
        assert_eq!(
            lines,
            [
                "| program | rounds | wall s | cpu s | peak MB | recall | false open | wrong |",
                "| portolan | 2 | 2.000 [1.000..3.000] | 1.000 [0.500..1.500] | 2.0 | 0.900 | 2 | – |",
                "| other | 1 (1 failed) | 4.000 | 2.000 | 2.0 | 0.900 | 1 | – |",
                "| ratio | wall | cpu | goal for wall | goal for cpu |",
                "| portolan / other | 0.25 | 0.25 | 0.50: met | – |",
                "- portolan: portolan 1",
                "- other: other 1",
                "- SKIPPED third: not installed",
            ]
        );
    }

    #[test]
    fn a_goal_is_held_against_the_median() {
        let mut measured = example("veth");
        measured.programs[1].goals.wall = Some(0.2);
        measured.programs[1].goals.cpu = Some(0.25);
        assert!(
            section(&measured).contains("| portolan / other | 0.25 | 0.25 | 0.20: not met | 0.25: met |")
        );
        measured.runs.clear();
        assert!(section(&measured).contains("| portolan / other | – | – | – | – |"));
        assert!(section(&measured).contains("| other | 0 | – | – | – | – | 0 | – |"));
    }

    #[test]
    fn goals_of_its_own_are_held_against_the_worst_round() {
        let mut measured = example("veth");
        measured.programs[0].goals = Goals { peak_mb: Some(12.0), recall: Some(0.9), ..Goals::default() };
        measured.programs[1].goals = Goals { recall: Some(0.9), ..Goals::default() };
        let text = section(&measured);
        assert!(text.contains("| peak MB of portolan | 2.0 | 12.0: met |"), "{text}");
        assert!(text.contains("| recall of portolan | 0.900 | 0.900: met |"), "{text}");
        // It failed in one of its rounds.
        assert!(text.contains("| recall of other | 0.000 | 0.900: not met |"), "{text}");
        measured.programs[0].goals.peak_mb = Some(1.9);
        assert!(section(&measured).contains("| peak MB of portolan | 2.0 | 1.9: not met |"));
    }

    #[test]
    fn a_floor_is_divided_by_like_a_program() {
        let mut measured = example("bottleneck");
        let floor = Floor {
            frames: 1000,
            octets: 100,
            burst: 0,
            bits_per_second: 800_000,
            changes: None,
            goal_percent: 150,
        };
        measured.floor = Some(floor);
        let row = "| portolan / floor: 1000 frames of 100 octets, 1.000 s | 2.00 [1.00..3.00] | – | 1.50: not met | – |";
        assert!(section(&measured).contains(row), "{}", section(&measured));
    }
}
