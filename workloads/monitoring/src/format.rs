//! Numbers, dates and times as a reader expects them, always with their unit.

use jiff::Timestamp;
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// `1,234,567.89` with `places` decimals; `n/a` where there is no number.
pub fn number(value: f64, places: usize) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let text = format!("{:.places$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = text.chars().all(|digit| matches!(digit, '0' | '.'));
    let sign = if value < 0.0 && !zero { "\u{2212}" } else { "" };
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{fraction}") }
}

/// `$1,234.56`, `−$1,234.56`.
pub fn dollars(value: f64, places: usize) -> String {
    let text = number(value, places);
    match text.strip_prefix('\u{2212}') {
        Some(rest) => format!("\u{2212}${rest}"),
        None if text == "n/a" => text,
        None => format!("${text}"),
    }
}

/// `12.3%`.
pub fn percent(value: f64, places: usize) -> String {
    match number(value * 100.0, places).as_str() {
        "n/a" => "n/a".to_owned(),
        text => format!("{text}%"),
    }
}

/// Shares: whole ones without a point, parts of one with as many digits as they have.
pub fn shares(value: Decimal) -> String {
    number(float(value), value.normalize().scale() as usize)
}

/// The number nearest to a decimal; not a number beyond what it holds.
pub fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}

/// A figure of `status.metrics` with the unit that its name has.
pub fn figure(name: &str, value: &str) -> String {
    let Ok(number_) = value.parse::<f64>() else { return value.to_owned() };
    match name {
        "equity" | "cash" | "initialCash" | "finalEquity" | "commission" | "slippage" | "dividends"
        | "averageTrade" | "averageGain" | "averageLoss" | "bestTrade" | "worstTrade" => dollars(number_, 2),
        "totalReturn"
        | "cagr"
        | "volatility"
        | "maxDrawdown"
        | "drawdown"
        | "bestSession"
        | "worstSession"
        | "exposure"
        | "timeInMarket"
        | "winRate"
        | "hitRate"
        | "probabilisticSharpe"
        | "deflatedSharpe" => percent(number_, 2),
        _ if number_.fract() == 0.0 => number(number_, 0),
        _ => number(number_, 4),
    }
}

/// `maxDrawdown` as `max drawdown`.
pub fn words(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// `2024-01-02 21:05:00 UTC`.
pub fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// How long ago, in its largest unit: `42 s`, `5 min`, `3 h`, `12 d`.
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..120 => format!("{whole} s"),
        120..7_200 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3_600, whole % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_units() {
        for (name, value, text) in [
            ("equity", "101000.5", "$101,000.50"),
            ("cash", "-12.345", "\u{2212}$12.35"),
            ("maxDrawdown", "-0.0652913", "\u{2212}6.53%"),
            ("sharpe", "0.476308", "0.4763"),
            ("openPositions", "2", "2"),
            ("sessions", "3018", "3,018"),
            ("anything", "NaN", "n/a"),
            ("anything", "-", "-"),
            ("drawdown", "-0.00000001", "0.00%"),
        ] {
            assert_eq!(figure(name, value), text, "{name} {value}");
        }
        assert_eq!(words("maxDrawdown"), "max drawdown");
    }

    #[test]
    fn times_are_short() {
        let now: Timestamp = "2024-01-10T12:00:00Z".parse().unwrap();
        for (at, text) in [
            ("2024-01-10T11:59:18Z", "42 s"),
            ("2024-01-10T11:55:00Z", "5 min"),
            ("2024-01-10T02:00:00Z", "10 h"),
            ("2024-01-01T12:00:00Z", "9 d"),
            ("2024-01-10T12:00:30Z", "0 s"),
        ] {
            assert_eq!(age(at.parse().unwrap(), now), text);
        }
        for (seconds, text) in
            [(0.42, "0.4 s"), (12.4, "12 s"), (185.0, "3 min 5 s"), (7_800.0, "2 h 10 min")]
        {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(instant(now), "2024-01-10 12:00:00 UTC");
    }
}
