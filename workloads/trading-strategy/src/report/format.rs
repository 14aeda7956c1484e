//! Numbers and dates as a reader expects them; the same text everywhere.

/// `1,234,567.89` with `places` decimals; `n/a` where there is no number.
pub(super) fn number(value: Option<f64>, places: usize) -> String {
    let Some(value) = value.filter(|number| number.is_finite()) else { return "n/a".to_owned() };
    let text = format!("{:.places$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let is_zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    let sign = if value < 0.0 && !is_zero { "\u{2212}" } else { "" };
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{fraction}") }
}

/// `$1,234.56`, `−$1,234.56`.
pub(super) fn dollars(value: Option<f64>, places: usize) -> String {
    let text = number(value, places);
    match text.strip_prefix('\u{2212}') {
        Some(rest) => format!("\u{2212}${rest}"),
        None if text == "n/a" => text,
        None => format!("${text}"),
    }
}

/// `12.34%`.
pub(super) fn percent(value: Option<f64>, places: usize) -> String {
    match number(value.map(|share| share * 100.0), places).as_str() {
        "n/a" => "n/a".to_owned(),
        text => format!("{text}%"),
    }
}

/// `5%`, `2.5%` for an axis: as many decimals as the mark has, two at most.
pub(super) fn short_percent(value: f64) -> String {
    let scaled = value * 100.0;
    let is_whole = |factor: f64| (scaled * factor - (scaled * factor).round()).abs() < 1e-6;
    let places = if is_whole(1.0) { 0 } else { 1 + usize::from(!is_whole(10.0)) };
    percent(Some(value), places)
}

/// `$1.2M`, `$350k`, `$90` for an axis.
pub(super) fn short_dollars(value: f64) -> String {
    let size = value.abs();
    let (scale, unit) = if size >= 1e9 {
        (1e9, "B")
    } else if size >= 1e6 {
        (1e6, "M")
    } else if size >= 1e3 {
        (1e3, "k")
    } else {
        (1.0, "")
    };
    let scaled = value / scale;
    let places = if (scaled - scaled.round()).abs() < 1e-9 { 0 } else { 1 };
    let places =
        if places == 1 && ((scaled * 10.0) - (scaled * 10.0).round()).abs() > 1e-9 { 2 } else { places };
    format!("{}{unit}", dollars(Some(scaled), places))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouped_signed_and_short() {
        assert_eq!(number(Some(1_234_567.891), 2), "1,234,567.89");
        assert_eq!(number(Some(-999.0), 0), "\u{2212}999");
        assert_eq!(number(Some(-0.001), 2), "0.00");
        assert_eq!(number(None, 2), "n/a");
        assert_eq!(dollars(Some(-12.5), 2), "\u{2212}$12.50");
        assert_eq!(percent(Some(0.1234), 1), "12.3%");
        for (value, text) in
            [(-0.025, "\u{2212}2.5%"), (0.5, "50%"), (0.0, "0%"), (0.0125, "1.25%"), (0.1 + 0.2, "30%")]
        {
            assert_eq!(short_percent(value), text);
        }
        for (value, text) in
            [(1_250_000.0, "$1.25M"), (350_000.0, "$350k"), (90.0, "$90"), (0.0, "$0"), (1500.0, "$1.5k")]
        {
            assert_eq!(short_dollars(value), text);
        }
    }
}
