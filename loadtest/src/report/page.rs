//! The report as one self-contained page: no script, nothing loaded from elsewhere.
use std::collections::BTreeSet;
use std::fmt::Write;

use super::plot::{self, Line};
use super::{Report, shown};
use crate::run::Sample;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1f2937;background:#fff}\
h1{font-size:1.5rem}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .75rem;text-align:right;border-bottom:1px solid #e5e7eb}\
td:first-child,th:first-child{text-align:left}figure{display:inline-block;width:min(100%,32rem);margin:.5rem}figcaption{font-weight:600}\
svg{width:100%;font-size:11px}svg polyline{fill:none;stroke-width:1.5}svg text{fill:#6b7280}.grid{stroke:#e5e7eb}.legend{font-size:.8rem;margin:0}\
.missed{color:#b91c1c;font-weight:600}.kept{color:#047857}\
@media (prefers-color-scheme:dark){body{color:#e5e7eb;background:#111827}td,th{border-color:#374151}.grid{stroke:#374151}svg text{fill:#9ca3af}}";

/// The page.
pub(crate) fn render(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Load: {0}</title><style>{STYLE}</style><h1>Load: {0}</h1><p>{1}, {2:.1} s, seed {3}, open loop: latency counts from the intended moment. Stages: {4}.</p>",
        report.scenario,
        escape(&report.started_at),
        report.elapsed_s,
        report.seed,
        report
            .stages
            .iter()
            .map(|stage| format!("{}s:{}", stage.seconds, stage.rate))
            .collect::<Vec<_>>()
            .join(", "),
    );
    // Writing to a String cannot fail, here and below.
    for verdict in &report.verdicts {
        let (class, word) = if verdict.kept {
            ("kept", "kept")
        } else {
            ("missed", "missed")
        };
        let actual = verdict.actual.map_or_else(|| "no such figure".to_owned(), shown);
        let _ = write!(
            page,
            "<p class=\"{class}\">{word}: {} (was {actual})</p>",
            escape(&verdict.threshold.text)
        );
    }
    page.push_str("<table><tr><th>milliseconds<th>count<th>mean<th>p50<th>p90<th>p95<th>p99<th>p99.9<th>max");
    for (name, f) in &report.durations {
        let cells = [
            f.mean_ms, f.p50_ms, f.p90_ms, f.p95_ms, f.p99_ms, f.p999_ms, f.max_ms,
        ];
        let cells = cells.map(|ms| format!("<td>{ms:.2}")).concat();
        let _ = write!(page, "<tr><td>{}<td>{}{cells}", escape(name), f.count);
    }
    page.push_str("</table>");
    page.push_str(&plots(report));
    page.push_str("<table><tr><th>figure<th>value");
    for (name, value) in &report.numbers {
        let _ = write!(page, "<tr><td>{}<td>{}", escape(name), shown(*value));
    }
    page.push_str("</table>");
    for note in &report.notes {
        let _ = write!(page, "<p>{}</p>", escape(note));
    }
    page + "</html>\n"
}

fn plots(report: &Report) -> String {
    // The x axis of a percentile curve is logarithmic in what lies above it, so that the tail has room.
    let place = |percentile: f64| -(1.0 - percentile / 100.0).max(1e-5).log10();
    let ticks = [
        (0.0, "0"),
        (50.0, "50"),
        (90.0, "90"),
        (99.0, "99"),
        (99.9, "99.9"),
        (99.99, "99.99"),
    ];
    let ticks = ticks.map(|(percentile, name)| (place(percentile), format!("{name} %")));
    let curves = report.durations.iter().map(|(name, figures)| Line {
        name: escape(name),
        points: figures
            .curve
            .iter()
            .map(|(percentile, ms)| (place(*percentile), *ms))
            .collect(),
    });
    let mut plots = String::new();
    for curve in curves {
        plots += &plot::render(&format!("{}, by percentile", curve.name), " ms", &ticks, &[curve]);
    }
    let over =
        |of: &dyn Fn(&Sample) -> f64| report.samples.iter().map(|s| (s.at_s, of(s))).collect::<Vec<_>>();
    let end = report.samples.last().map_or(0.0, |sample| sample.at_s);
    let seconds: Vec<(f64, String)> = (0..=4)
        .map(|quarter| end * f64::from(quarter) / 4.0)
        .map(|at| (at, format!("{at:.0} s")))
        .collect();
    let rates = [
        Line {
            name: "offered".to_owned(),
            points: over(&|sample| sample.offered),
        },
        Line {
            name: "done".to_owned(),
            points: over(&|sample| sample.done),
        },
    ];
    plots += &plot::render("Rate over time", "/s", &seconds, &rates);
    let under_way = Line {
        name: "under way".to_owned(),
        points: over(&|sample| crate::stage::exact(sample.under_way)),
    };
    plots += &plot::render("Under way", "", &seconds, &[under_way]);
    let names: BTreeSet<&String> = report
        .samples
        .iter()
        .flat_map(|sample| sample.cpu.keys())
        .collect();
    let lines = |of: &dyn Fn(&Sample, &String) -> f64| -> Vec<Line> {
        let line = |name: &&String| Line {
            name: escape(name),
            points: over(&|sample| of(sample, name)),
        };
        names.iter().map(line).collect()
    };
    plots += &plot::render(
        "CPU (1 = one core)",
        "",
        &seconds,
        &lines(&|s, name| s.cpu.get(name).copied().unwrap_or(0.0)),
    );
    let rss = |sample: &Sample, name: &String| {
        sample
            .rss_bytes
            .get(name)
            .map_or(0.0, |bytes| crate::stage::exact(*bytes) / 1e6)
    };
    plots + &plot::render("Resident memory", " MB", &seconds, &lines(&rss))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
