use std::fmt::Write;

use crate::numbers::Spread;
use crate::results::{Measured, Peer, Results, Run};

/// The whole of `RESULTS.md`.
pub(crate) fn page(results: &Results) -> String {
    let mut page = HEAD.to_owned();
    for measured in &results.scenarios {
        page += "\n";
        page += &section(measured);
    }
    page
}

const HEAD: &str = "\
# Connect scans, side by side

Computed from `results/connect.json` by `cargo xtask bench`; `cargo xtask bench --check` compares. CONTRIBUTING.md says how
to measure anew.

The programs take turns: each row is so many rounds of the same host, `median [min..max]`. Wall seconds and CPU seconds are
of the whole process, started as an unprivileged user; memory is its peak resident size. Every verdict is held against the
truth. *Recall*: open ports that were found. *False open*: ports told to be open that are not, in all rounds together. *Wrong*:
other ports whose verdict is wrong or missing, in all rounds together, for programs that tell of them. *Failed*: ended with an
error, or not done after 120 s and ended by us. Ratios are taken round by round.
";

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
    let ratios: String = measured.programs.iter().skip(1).map(|peer| ratio_row(measured, peer)).collect();
    if !ratios.is_empty() {
        text += "\n| ratio | wall | cpu | goal for wall |\n|---|---|---|---|\n";
        text += &ratios;
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
    for counts in &measured.forwarder {
        let _ = writeln!(text, "- forwarder, {counts}");
    }
    text
}

fn row(measured: &Measured, peer: &Peer) -> String {
    let good: Vec<&Run> = measured.good(&peer.name).collect();
    let all = measured.runs.iter().filter(|run| run.program == peer.name).count();
    let failed = if good.len() < all { format!(" ({} failed)", all - good.len()) } else { String::new() };
    let scores = || good.iter().filter_map(|run| run.score.as_ref());
    let wrong = scores().map(|score| score.others.map(crate::score::Others::sum)).sum::<Option<usize>>();
    format!(
        "| {} | {}{failed} | {} | {} | {} | {} | {} | {} |\n",
        peer.name,
        good.len(),
        show(good.iter().map(|run| run.cost.wall_s), 3),
        show(good.iter().map(|run| run.cost.cpu_s()), 3),
        show(good.iter().map(|run| run.cost.peak_kib as f64 / 1024.0), 1),
        show(scores().map(crate::score::Score::recall), 3),
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
    let goal = match (peer.goal, wall) {
        (Some(goal), Some(wall)) => {
            format!("{goal:.2}: {}", if wall.median <= goal { "met" } else { "not met" })
        }
        _ => NOTHING.to_owned(),
    };
    format!("| {} / {} | {} | {} | {goal} |\n", first.name, peer.name, text(wall), text(cpu))
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
                "| ratio | wall | cpu | goal for wall |",
                "| portolan / other | 0.25 | 0.25 | 0.50: met |",
                "- portolan: portolan 1",
                "- other: other 1",
                "- SKIPPED third: not installed",
            ]
        );
    }

    #[test]
    fn the_page_says_when_a_program_is_ended() {
        assert!(HEAD.contains(&format!("after {} s", crate::scenario::LIMIT_SECONDS)));
    }

    #[test]
    fn a_goal_is_held_against_the_median() {
        let mut measured = example("veth");
        measured.programs[1].goal = Some(0.2);
        assert!(section(&measured).contains("| portolan / other | 0.25 | 0.25 | 0.20: not met |"));
        measured.runs.clear();
        assert!(section(&measured).contains("| portolan / other | – | – | – |"));
        assert!(section(&measured).contains("| other | 0 | – | – | – | – | 0 | – |"));
    }
}
