//! Pictures of what grows.

use std::path::Path;

use plotters::prelude::*;

use crate::Result;

const SIZE: (u32, u32) = (640, 400);
const COLOURS: [RGBColor; 4] =
    [RGBColor(37, 99, 235), RGBColor(217, 119, 6), RGBColor(5, 150, 105), RGBColor(190, 24, 93)];

/// Points that belong together.
#[derive(Debug, Clone)]
pub struct Line {
    /// What they are.
    pub name: String,
    /// Across and up; both positive.
    pub points: Vec<(f64, f64)>,
}

/// Draws lines over logarithmic axes, on which what grows in proportion is a line of slope 1.
///
/// # Errors
/// When there is no point, or the file cannot be written.
pub fn log_log(file: &Path, across: &str, up: &str, lines: &[Line]) -> Result<()> {
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let range = |of: fn((f64, f64)) -> f64| {
        let (least, most) = points()
            .map(of)
            .fold((f64::INFINITY, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
        least / 1.5..most * 1.5
    };
    if points().next().is_none() {
        return Err("there is nothing to draw".into());
    }
    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d(range(|point| point.0).log_scale(), range(|point| point.1).log_scale())?;
    let number = |value: &f64| if *value < 1.0 { format!("{value}") } else { format!("{value:.0}") };
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(across)
        .y_desc(up)
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .draw()?;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style).point_size(3))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(RGBColor(180, 180, 180))
        .draw()?;
    Ok(area.present()?)
}
