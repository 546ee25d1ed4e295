//! The results as a picture: bars, in SVG, readable on light and on dark pages.
use crate::results::{Sample, runners, summary};
use std::fmt::Write as _;

/// A group of bars: its title, and the measure and figure it shows.
const PANELS: [(&str, &str, &str); 4] = [
    ("Processor seconds per GB, one stream down (less is better)", "bulk", "down1 CPU-s/GB"),
    ("Processor seconds per GB, eight streams up (less is better)", "bulk", "up8 CPU-s/GB"),
    ("Short connections a second (more is better)", "connections", "conn/s"),
    ("Memory with 9,500 idle flows, KiB (less is better)", "flows", "9500 idle KiB"),
];
const WIDTH: f64 = 760.0;
const NAMES: f64 = 190.0;
const VALUES: f64 = 70.0;
const ROW: f64 = 22.0;
const TITLE: f64 = 40.0;

/// Draws all panels that have something to show.
pub(crate) fn draw(samples: &[Sample]) -> String {
    let (mut body, mut y) = (String::new(), 0.0);
    for (title, measure, figure) in PANELS {
        let bars: Vec<(String, f64)> = runners(samples)
            .into_iter()
            .filter_map(|(engine, mtu)| {
                let median = summary(samples, &engine, mtu, measure, figure)?.median;
                Some((format!("{engine}, MTU {mtu}"), median))
            })
            .collect();
        let longest = bars.iter().map(|(_, value)| *value).fold(0.0, f64::max);
        if longest <= 0.0 {
            continue;
        }
        let _ = writeln!(body, "<text class=\"title\" x=\"0\" y=\"{:.0}\">{title}</text>", y + 24.0);
        y += TITLE;
        for (name, value) in bars {
            let length = (value / longest * (WIDTH - NAMES - VALUES)).max(1.0);
            let class = if name.starts_with("consentry") { "ours" } else { "other" };
            let digits = if value < 100.0 { 2 } else { 0 };
            let _ = writeln!(
                body,
                "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{name}</text>\
                 <rect class=\"{class}\" x=\"{NAMES:.0}\" y=\"{:.0}\" width=\"{length:.1}\" height=\"14\" rx=\"3\"/>\
                 <text x=\"{:.1}\" y=\"{:.0}\">{value:.digits$}</text>",
                NAMES - 10.0,
                y + 11.0,
                y,
                NAMES + length + 8.0,
                y + 11.0,
            );
            y += ROW;
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" role=\"img\" \
         aria-label=\"Consentry beside the kernel and other engines; the table has the figures\">\n<style>\n\
         text {{ font: 13px sans-serif; fill: #151c19 }} .title {{ font-weight: bold }}\n\
         .ours {{ fill: #0a6652 }} .other {{ fill: #9aa8a2 }} .page {{ fill: #ffffff }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e2e9e5 }} .ours {{ fill: #7fd6bc }} .other {{ fill: #5c6b65 }} \
         .page {{ fill: #0e1311 }} }}\n</style>\n\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n{body}</svg>\n",
        height = y + 10.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn bars_are_as_long_as_their_values() {
        let samples = [
            sample("consentry", 1500, "connections", &[("conn/s", 500.0)]),
            sample("other", 1500, "connections", &[("conn/s", 1000.0)]),
        ];
        let svg = draw(&samples);
        let widths: Vec<f64> = svg
            .split("class=\"o")
            .skip(1)
            .filter_map(|bar| bar.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(widths.len(), 2, "{svg}");
        assert!((widths[1] - 2.0 * widths[0]).abs() < 0.2, "{widths:?}");
        assert!(!svg.contains("gigabyte"), "{svg}");
        assert!(!draw(&[]).contains("<rect class=\"o"));
    }
}
