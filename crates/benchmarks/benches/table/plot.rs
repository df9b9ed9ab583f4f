//! The plot of memory and CPU against concurrency. Its colours are readable on light and on dark ground.

use std::path::PathBuf;

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::thousands;
use crate::common::{self, measure::KB};

const SIZE: (u32, u32) = (960, 380);
const PLUGIN: RGBColor = RGBColor(0xe3, 0x62, 0x09);
const TWIN: RGBColor = RGBColor(0x21, 0x83, 0xd6);
const WORDS: RGBColor = RGBColor(0x7d, 0x85, 0x90);
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Fault = Box<dyn std::error::Error>;

/// The measurements at one number of streams: memory in bytes, and CPU time of each in microseconds.
pub(crate) struct Point {
    pub(crate) streams: usize,
    pub(crate) plugin: [f64; 2],
    pub(crate) twin: [f64; 2],
}

/// Draws the plot of BENCHMARKS.md; returns its file.
pub(crate) fn draw(points: &[Point]) -> PathBuf {
    let file = common::results_file("concurrency.svg");
    panels(&SVGBackend::new(&file, SIZE).into_drawing_area(), points).expect("a plot");
    file
}

fn panels(area: &Area<'_>, points: &[Point]) -> Result<(), Fault> {
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    let of = |at: usize, unit: f64| -> [Vec<(f64, f64)>; 2] {
        let line = |figures: fn(&Point) -> [f64; 2]| {
            let each = points.iter();
            each.map(|point| (point.streams as f64, figures(point)[at] / unit))
                .collect()
        };
        [line(|point| point.plugin), line(|point| point.twin)]
    };
    panel(&left, "Resident memory of all, MB", &of(0, KB * KB))?;
    panel(&right, "CPU of each response of 50 chunks, ms", &of(1, 1_000.0))?;
    area.present()?;
    Ok(())
}

/// The figures of plugin and twin against the number of streams. Both axes are logarithmic: the distance of the lines
/// is the ratio.
fn panel(area: &Area<'_>, title: &str, lines: &[Vec<(f64, f64)>; 2]) -> Result<(), Fault> {
    let figures = || lines.iter().flatten().map(|(_, figure)| *figure);
    let least = figures().fold(f64::MAX, f64::min).max(1e-3);
    let range = 10_f64.powf(least.log10().floor())..figures().fold(1.0, f64::max) * 1.5;
    let ticks: Vec<f64> = lines[0].iter().map(|(streams, _)| *streams).collect();
    let text = |size: u32| (FONT, size).into_font().color(&WORDS);
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_right(26)
        .caption(title, text(17))
        .x_label_area_size(46)
        .y_label_area_size(52)
        .build_cartesian_2d(
            (0.8..3_000.0).log_scale().with_key_points(ticks),
            range.log_scale(),
        )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(WORDS.mix(0.25))
        .axis_style(WORDS)
        .label_style(text(14))
        .axis_desc_style(text(14))
        .x_desc("concurrent responses")
        .x_label_formatter(&|streams| number(*streams))
        .y_label_formatter(&|figure| number(*figure))
        .y_labels(6)
        .draw()?;
    for (line, color, name, away, anchor) in [
        (&lines[0], PLUGIN, "plugin", -12, VPos::Bottom),
        (&lines[1], TWIN, "native", 12, VPos::Top),
    ] {
        chart.draw_series(LineSeries::new(line.iter().copied(), color.stroke_width(3)))?;
        let marks = line.iter().map(|point| Circle::new(*point, 5, color.filled()));
        chart.draw_series(marks)?;
        // At the third point, where the lines are apart: above the upper one, below the lower one.
        if let Some(at) = line.get(2) {
            let beside = Pos::new(HPos::Center, anchor);
            let style = (FONT, 15).into_font().color(&color).pos(beside);
            let label = EmptyElement::at(*at) + Text::new(name, (0, away), style);
            chart.draw_series(std::iter::once(label))?;
        }
    }
    Ok(())
}

/// `0.1`, `32`, `2,000`.
fn number(figure: f64) -> String {
    if figure < 10.0 && (figure - figure.round()).abs() > 1e-9 {
        let text = format!("{figure:.3}");
        text.trim_end_matches('0').to_owned()
    } else {
        thousands(figure.round() as usize)
    }
}
