//! The throughputs as bars, in an SVG file that reads well on a light and on a dark page.

use std::fmt::Write as _;

use crate::layout::{THROUGHPUT, readable, words};
use crate::plan::Sizes;
use crate::samples::Samples;

const WIDTH: u32 = 880;
const LABELS_WIDTH: u32 = 290;
/// Room behind the longest bar for its number.
const NUMBERS_WIDTH: u32 = 190;
const BAR_HEIGHT: u32 = 22;
const ROW_HEIGHT: u32 = 32;
const HEAD_HEIGHT: u32 = 66;
const FOOT_HEIGHT: u32 = 34;
/// What the others are set against.
const LIMIT: &str = "raw_drain_per_s";
const FLEET: &str = "debits";

const STYLE: &str = "
text { font: 13px system-ui, sans-serif; fill: #1f2933; }
.title { font-size: 16px; font-weight: 600; }
.quiet { fill: #5f6b7a; }
.limit { fill: #9aa5b1; } .fleet { fill: #2467c5; } .other { fill: #c2622d; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; } .quiet { fill: #9aa5b1; }
  .limit { fill: #616e7c; } .fleet { fill: #5b9cf0; } .other { fill: #e08a57; }
}";

/// The chart; `machine` is its foot.
pub(crate) fn svg(samples: &Samples, sizes: &Sizes, machine: &str) -> String {
    let bars: Vec<(&str, String, f64)> = THROUGHPUT
        .rows
        .iter()
        .filter_map(|row| Some((row.key, words(row.what, sizes), row.number(samples)?)))
        .collect();
    let most = bars.iter().map(|(_, _, number)| *number).fold(1.0, f64::max);
    let count = u32::try_from(bars.len()).unwrap_or_default();
    let height = HEAD_HEIGHT + count * ROW_HEIGHT + FOOT_HEIGHT;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">
<title>Throughput: events a second</title>
<style>{STYLE}
</style>
<text class="title" x="16" y="26">Throughput</text>
<text class="quiet" x="16" y="46">{}</text>
"#,
        escaped(&words(THROUGHPUT.title, sizes))
    );
    for (place, (key, what, number)) in (0_u32..).zip(&bars) {
        let y = HEAD_HEIGHT + place * ROW_HEIGHT;
        let width = (f64::from(WIDTH - LABELS_WIDTH - NUMBERS_WIDTH) * number / most).max(1.0);
        let (label_x, text_y) = (LABELS_WIDTH - 10, y + 16);
        let number_x = f64::from(LABELS_WIDTH) + width + 8.0;
        // Writing to a string never fails.
        let _ = write!(
            svg,
            r#"<text x="{label_x}" y="{text_y}" text-anchor="end">{}</text>
<rect class="{}" x="{LABELS_WIDTH}" y="{y}" width="{width:.1}" height="{BAR_HEIGHT}" rx="3"/>
<text x="{number_x:.1}" y="{text_y}">{}<tspan class="quiet" dx="8">{}</tspan></text>
"#,
            escaped(what),
            class(key),
            readable(*number),
            set_against(samples, key),
        );
    }
    let _ = write!(
        svg,
        "<text class=\"quiet\" x=\"16\" y=\"{}\">{}</text>\n</svg>\n",
        height - 12,
        escaped(machine)
    );
    svg
}

fn class(key: &str) -> &'static str {
    if key == LIMIT {
        "limit"
    } else if key.starts_with(FLEET) {
        "fleet"
    } else {
        "other"
    }
}

/// In parts of the limit; of others, how many times the fleet is as fast.
fn set_against(samples: &Samples, key: &str) -> String {
    match class(key) {
        "limit" => String::new(),
        "fleet" => samples
            .ratio(key, LIMIT)
            .map_or_else(String::new, |ratio| format!("{ratio:.2} of the limit")),
        _ => samples
            .ratio("debits_per_s", key)
            .map_or_else(String::new, |times| {
                format!("the fleet is {times:.0} times as fast")
            }),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::plan::{Cli, Plan};

    fn drawn(samples: &Samples) -> String {
        let plan = Plan::of(Cli::parse_from(["load"])).unwrap();
        svg(samples, &plan.sizes, "a <machine> & its servers")
    }

    /// The names of all elements, in order; every one that is opened is closed, in the right order.
    fn elements(svg: &str) -> Vec<&str> {
        let mut open = Vec::new();
        let mut seen = Vec::new();
        for tag in svg.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').expect("every tag ends");
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name));
            } else {
                seen.push(name);
                if !tag.ends_with('/') {
                    open.push(name);
                }
            }
        }
        assert!(open.is_empty(), "left open: {open:?}");
        seen
    }

    #[test]
    fn a_bar_for_each_figure_that_was_measured() {
        let mut samples = Samples::default();
        samples.add("raw_drain_per_s", 80_000.0);
        samples.add("debits_per_s", 60_000.0);
        samples.add("naive_per_s", 500.0);
        let svg = drawn(&samples);
        let bars = elements(&svg).iter().filter(|name| **name == "rect").count();
        assert_eq!(bars, 3);
        assert!(svg.contains("0.75 of the limit"), "{svg}");
        assert!(svg.contains("the fleet is 120 times as fast"), "{svg}");
        assert!(svg.contains("a &lt;machine&gt; &amp; its servers"), "{svg}");
        assert!(
            svg.contains(r#"class="limit" x="290" y="66" width="400.0""#),
            "{svg}"
        );
    }

    #[test]
    fn nothing_measured_is_an_empty_chart() {
        let names = elements(&drawn(&Samples::default())).join(" ");
        assert_eq!(names, "svg title style text text text");
    }
}
