//! The results as tables in Markdown.
use crate::results::{Sample, Summary, runners, summary};
use std::fmt::Write as _;

/// A column: its head, the measure and the figure it shows, and with how many digits after the point.
type Column = (&'static str, &'static str, &'static str, usize);

const BULK: [Column; 8] = [
    ("down1 CPU-s/GB", "bulk", "down1 CPU-s/GB", 2),
    ("up1 CPU-s/GB", "bulk", "up1 CPU-s/GB", 2),
    ("down8 CPU-s/GB", "bulk", "down8 CPU-s/GB", 2),
    ("up8 CPU-s/GB", "bulk", "up8 CPU-s/GB", 2),
    ("down1 Mbit/s", "bulk", "down1 Mbit/s", 0),
    ("up1 Mbit/s", "bulk", "up1 Mbit/s", 0),
    ("down8 Mbit/s", "bulk", "down8 Mbit/s", 0),
    ("up8 Mbit/s", "bulk", "up8 Mbit/s", 0),
];

const CONNECTIONS: [Column; 7] = [
    ("conn/s", "connections", "conn/s", 0),
    ("p50 ms", "connections", "whole p50 us", 3),
    ("p99 ms", "connections", "whole p99 us", 3),
    ("one alone, p50 ms", "connections", "alone p50 us", 3),
    ("its connect, p50 ms", "connections", "connect p50 us", 3),
    ("CPU ms/conn", "connections", "CPU ms/conn", 3),
    ("failed", "connections", "failed", 0),
];

const DATAGRAMS: [Column; 8] = [
    ("32 flows, answers/s", "datagrams", "kept answers/s", 0),
    ("p50 ms", "datagrams", "kept p50 us", 3),
    ("a flow each, answers/s", "datagrams", "fresh answers/s", 0),
    ("p50 ms", "datagrams", "fresh p50 us", 3),
    ("DNS answers/s", "names", "questions answers/s", 0),
    ("p50 ms", "names", "questions p50 us", 3),
    ("CPU µs/DNS answer", "names", "questions CPU us/answer", 0),
    ("1 % loss + 20 ms, Mbit/s", "lossy", "down1 Mbit/s", 0),
];

const REST: [Column; 8] = [
    ("at rest, MiB", "flows", "rest KiB", 1),
    ("1,000 idle flows, MiB", "flows", "1000 idle KiB", 1),
    ("9,500 idle flows, MiB", "flows", "9500 idle KiB", 1),
    ("down1 CPU-s/GB beside 1,000", "flows", "1000 idle down1 CPU-s/GB", 2),
    ("beside 9,500", "flows", "9500 idle down1 CPU-s/GB", 2),
    ("wake-ups/min, no traffic", "rest", "quiet wakeups/min", 0),
    ("wake-ups/min, little traffic", "rest", "little wakeups/min", 0),
    ("system calls/min, little traffic", "rest", "little system calls/min", 0),
];

/// All tables.
pub(crate) fn write(samples: &[Sample]) -> String {
    let mut text = String::new();
    for (title, columns) in [
        ("Bulk TCP", &BULK[..]),
        ("Short connections", &CONNECTIONS),
        ("UDP, DNS, loss", &DATAGRAMS),
        ("Memory and rest", &REST),
    ] {
        table(title, columns, samples, &mut text);
    }
    let loads: Vec<f64> = samples.iter().map(|sample| sample.load).collect();
    let highest = loads.iter().copied().fold(0.0, f64::max);
    let repetitions = samples.iter().map(|sample| sample.repetition).max().unwrap_or(0);
    let _ = writeln!(
        text,
        "Medians of {repetitions} repetitions, in brackets the lowest and the highest; load average up to {highest:.1}."
    );
    text
}

fn table(title: &str, columns: &[Column], samples: &[Sample], text: &mut String) {
    let rows: Vec<(String, Vec<String>)> = runners(samples)
        .into_iter()
        .map(|(engine, mtu)| {
            let cells: Vec<String> = columns
                .iter()
                .map(|(head, measure, figure, digits)| {
                    let summary = summary(samples, &engine, mtu, measure, figure);
                    summary.map_or_else(|| "–".into(), |summary| cell(&scaled(summary, head), *digits))
                })
                .collect();
            (format!("{engine}, MTU {mtu}"), cells)
        })
        .filter(|(_, cells)| cells.iter().any(|cell| cell != "–"))
        .collect();
    if rows.is_empty() {
        return;
    }
    let heads: Vec<&str> = columns.iter().map(|column| column.0).collect();
    let _ = writeln!(text, "### {title}\n\n| engine | {} |", heads.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(columns.len()));
    for (name, cells) in rows {
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text.push('\n');
}

/// In the unit that the column's head names.
fn scaled(summary: Summary, head: &str) -> Summary {
    let factor = if head.ends_with(" ms") {
        1e-3
    } else if head.ends_with("MiB") {
        1.0 / 1024.0
    } else {
        1.0
    };
    Summary {
        median: summary.median * factor,
        lowest: summary.lowest * factor,
        highest: summary.highest * factor,
    }
}

fn cell(summary: &Summary, digits: usize) -> String {
    let Summary { median, lowest, highest } = summary;
    if (highest - lowest).abs() < f64::EPSILON {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} ({lowest:.digits$}–{highest:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn a_row_shows_medians_and_spread_in_the_heads_units() {
        let samples = [
            sample("ours", 1500, "bulk", &[("down1 CPU-s/GB", 2.0), ("down1 Mbit/s", 900.0)]),
            sample("ours", 1500, "bulk", &[("down1 CPU-s/GB", 4.0), ("down1 Mbit/s", 900.0)]),
            sample("ours", 1500, "flows", &[("rest KiB", 8192.0)]),
        ];
        let text = write(&samples);
        assert!(text.contains("| ours, MTU 1500 | 3.00 (2.00–4.00) | – |"), "{text}");
        assert!(text.contains("| 900 |"), "{text}");
        assert!(text.contains("| ours, MTU 1500 | 8.0 | – |"), "{text}");
        assert!(!text.contains("Short connections"), "{text}");
    }
}
