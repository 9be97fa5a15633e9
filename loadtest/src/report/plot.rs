//! Line plots as inline SVG, drawn with nothing but text.
use std::fmt::Write;

/// One line.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 56.0;
const BOTTOM: f64 = 28.0;
const COLOURS: [&str; 6] = ["#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2"];

/// A plot with its axes from zero; `ticks` name places on the x axis.
pub(crate) fn render(title: &str, unit: &str, ticks: &[(f64, String)], lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let most = points().map(|point| point.1).fold(1e-9, f64::max) * 1.05;
    let (from, to) = points().fold((f64::MAX, f64::MIN), |range, point| {
        (range.0.min(point.0), range.1.max(point.0))
    });
    let span = (to - from).max(1e-9);
    let x = |value: f64| LEFT + (value - from) / span * (WIDTH - LEFT - 10.0);
    let y = |value: f64| HEIGHT - BOTTOM - value / most * (HEIGHT - BOTTOM - 12.0);
    let mut svg = format!(
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    );
    for quarter in 0..=4 {
        let value = most * f64::from(quarter) / 4.0;
        let at = y(value);
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{at:.1}\" y2=\"{at:.1}\" class=\"grid\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}{unit}</text>",
            WIDTH - 10.0,
            LEFT - 6.0,
            at + 4.0,
            short(value),
        );
    }
    for (value, name) in ticks {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{name}</text>",
            x(*value),
            HEIGHT - 8.0
        );
    }
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let path: Vec<String> = line
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
            .collect();
        let _ = write!(
            svg,
            "<polyline points=\"{}\" stroke=\"{colour}\"><title>{}</title></polyline>",
            path.join(" "),
            line.name
        );
    }
    svg.push_str("</svg><p class=\"legend\">");
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let _ = write!(
            svg,
            "<span style=\"color:{colour}\">■</span> {} &nbsp; ",
            line.name
        );
    }
    svg + "</p></figure>"
}

fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.1}M", value / 1e6),
        value if value >= 1e4 => format!("{:.0}k", value / 1e3),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
