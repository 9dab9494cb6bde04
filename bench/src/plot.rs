//! A plot as SVG: lines over an axis of powers of ten. Legible on light and dark pages alike.

use std::fmt::Write as _;
use std::path::Path;

pub struct Line {
    pub name: &'static str,
    /// Where on the axis, and how much.
    pub points: Vec<(f64, f64)>,
}

const COLOURS: [&str; 4] = ["#2563eb", "#d97706", "#059669", "#db2777"];
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
/// Around the field in which lines are drawn: left, right, top, bottom.
const AROUND: [f64; 4] = [64.0, 24.0, 56.0, 52.0];

pub fn write(file: &Path, title: &str, axis: &str, unit: &str, lines: &[Line]) {
    std::fs::write(file, svg(title, axis, unit, lines)).expect("can write under target");
}

fn svg(title: &str, axis: &str, unit: &str, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let (first, last) =
        points().fold((f64::MAX, 1.0_f64), |(first, last), (at, _)| (at.min(first), at.max(last)));
    let (first, last) = (first.max(1.0).log10(), last.log10().max(first.max(1.0).log10() + 0.1));
    let highest = round_up(points().fold(0.0, |highest: f64, (_, value)| highest.max(*value)));
    let [left, right, top, bottom] = AROUND;
    let x = |at: f64| left + (at.max(1.0).log10() - first) / (last - first) * (WIDTH - left - right);
    let y = |value: f64| HEIGHT - bottom - value / highest * (HEIGHT - top - bottom);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" font-family=\"system-ui, sans-serif\" \
         font-size=\"12\">\n<title>{title}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{left}\" y=\"22\" font-size=\"15\" font-weight=\"600\" fill=\"#111\">{title}</text>\n"
    );
    for step in 0..=4 {
        let (value, at) = (highest * f64::from(step) / 4.0, y(highest * f64::from(step) / 4.0));
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\" fill=\"#555\">{}</text>",
            WIDTH - right,
            left - 8.0,
            at + 4.0,
            whole(value)
        );
    }
    let mut ticks: Vec<f64> = lines.iter().flat_map(|line| line.points.iter().map(|(at, _)| *at)).collect();
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    for tick in ticks {
        let at = x(tick);
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">{}</text>",
            HEIGHT - bottom + 18.0,
            whole(tick)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#111\">{axis}</text>\
         <text x=\"16\" y=\"{}\" text-anchor=\"middle\" fill=\"#111\" transform=\"rotate(-90 16 {})\">{unit}</text>",
        (left + WIDTH - right) / 2.0,
        HEIGHT - 12.0,
        HEIGHT / 2.0,
        HEIGHT / 2.0
    );
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let path: Vec<String> =
            line.points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (at, value) in &line.points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{colour}\"/>",
                x(*at),
                y(*value)
            );
        }
    }
    names(&mut svg, lines);
    svg + "</svg>\n"
}

/// Which colour is whose.
fn names(svg: &mut String, lines: &[Line]) {
    let mut from = AROUND[0];
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let _ = writeln!(
            svg,
            "<rect x=\"{from}\" y=\"34\" width=\"12\" height=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"40\" fill=\"#111\">{}</text>",
            from + 18.0,
            line.name
        );
        from += 40.0 + 7.0 * line.name.len() as f64;
    }
}

/// The next of 1, 2, 4, 5, 8 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1e-9).log10().floor());
    let round = [1.0, 2.0, 4.0, 5.0, 8.0, 10.0].into_iter().find(|step| step * power >= value);
    round.unwrap_or(10.0) * power
}

/// 20000 is `20k`.
fn whole(value: f64) -> String {
    match value {
        millions if millions >= 1e6 => format!("{}M", (millions / 1e5).round() / 10.0),
        thousands if thousands >= 1e3 => format!("{}k", (thousands / 1e2).round() / 10.0),
        other => format!("{}", (other * 10.0).round() / 10.0),
    }
}

#[test]
fn lines_lie_within_the_field() {
    let lines = [Line { name: "a", points: vec![(10.0, 3.0), (1e6, 47.0)] }];
    let svg = svg("Title", "stored", "us", &lines);
    assert!(svg.contains("points=\"64.0,292.9 696.0,71.1\""), "{svg}");
    assert!(svg.contains(">50<") && svg.contains(">1M<") && svg.contains(">10<"), "{svg}");
    assert_eq!((round_up(47.0), round_up(0.3), whole(20_000.0)), (50.0, 0.4, "20k".into()));
}
