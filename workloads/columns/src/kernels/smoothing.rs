//! Averages that forget: `a += (x - a) * k`, begun with the mean of the first n values.
//!
//! Written so, each row waits for a subtraction, a product and a sum of the row before. What is kept here instead is
//! how far the average lies behind the value, `e = x - a`, which goes on as `e = q * (e + dx)` with `q = 1 - k` and
//! `dx` the value's change, and rows are taken in groups of [`GROUP`]: within one,
//!
//! ```text
//! e[j] = q^j * e[0] + part[j],   part[j] = q * (part[j - 1] + dx[j]),   part[0] = 0
//! ```
//!
//! The parts of a group need nothing from the groups before it, so a processor works at several groups at once, and
//! only one product and one sum a group have to wait. Nothing in a row depends on what follows, and groups are counted
//! from the mean of the first values, so that a stream does the same operations. What stays equal is averaged to
//! itself, to the last bit: there `dx` and `e` are 0.

/// Rows of a group.
pub(crate) const GROUP: usize = 4;

/// An average that forgets; its values have no nulls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Smoothing {
    n: usize,
    /// Values so far, counted up to n.
    seen: usize,
    /// The sum of the first values.
    sum: f64,
    /// The value before.
    before: f64,
    /// How far the average lay behind the value where the group begins.
    start: f64,
    /// What the group's rows have added to that so far.
    part: f64,
    /// Rows of the group so far, less than [`GROUP`].
    place: usize,
    /// How many rows behind the first average are groups of their own.
    singles: usize,
    /// How many of them are to come.
    left: usize,
    /// The powers of 1 - k, from the first on.
    powers: [f64; GROUP],
}

impl Smoothing {
    /// The exponential moving average of n: k = 2/(n + 1).
    pub(crate) fn exponential(n: usize) -> Self {
        Self::new(n, 2.0 / (n as f64 + 1.0))
    }

    /// Wilder's average of n: k = 1/n.
    pub(crate) fn wilder(n: usize) -> Self {
        Self::new(n, 1.0 / n as f64)
    }

    fn new(n: usize, k: f64) -> Self {
        let q = 1.0 - k;
        let powers = [q, q * q, q * q * q, (q * q) * (q * q)];
        Self {
            n,
            seen: 0,
            sum: 0.0,
            before: 0.0,
            start: 0.0,
            part: 0.0,
            place: 0,
            singles: 0,
            left: 0,
            powers,
        }
    }

    /// The same average of values that begin with the first average of another one: its groups are then that one's.
    pub(crate) fn in_step(mut self) -> Self {
        self.singles = (GROUP - self.n.saturating_sub(1) % GROUP) % GROUP;
        self
    }

    /// Whether there is an average.
    #[inline(always)]
    pub(crate) fn complete(&self) -> bool {
        self.seen == self.n
    }

    /// Whether a group begins.
    #[inline(always)]
    pub(crate) fn begins(&self) -> bool {
        self.complete() && self.place == 0 && self.left == 0
    }

    /// The average with one value more; null until there are n.
    #[inline(always)]
    pub(crate) fn next(&mut self, value: f64) -> f64 {
        value - self.lag(value)
    }

    /// How far the average with one value more lies behind that value; null until there are n.
    #[inline(always)]
    pub(crate) fn lag(&mut self, value: f64) -> f64 {
        if self.n == 0 {
            return f64::NAN;
        }
        if self.complete() {
            return self.go_on(value);
        }
        self.sum += value;
        self.seen += 1;
        if !self.complete() {
            return f64::NAN;
        }
        (self.before, self.start) = (value, value - self.sum / self.n as f64);
        (self.part, self.place, self.left) = (0.0, 0, self.singles);
        self.start
    }

    /// [`lag`](Self::lag) once there is an average.
    #[inline(always)]
    fn go_on(&mut self, value: f64) -> f64 {
        self.part = self.powers[0] * (self.part + (value - self.before));
        let lag = self.powers[self.place] * self.start + self.part;
        self.before = value;
        self.place += 1;
        if self.place == GROUP || self.left > 0 {
            (self.start, self.part, self.place) = (lag, 0.0, 0);
            self.left = self.left.saturating_sub(1);
        }
        lag
    }

    /// [`next`](Self::next) for each row of a group, where one [begins](Self::begins).
    #[inline(always)]
    pub(crate) fn group(&mut self, values: [f64; GROUP]) -> [f64; GROUP] {
        let lags = self.lags(values);
        std::array::from_fn(|row| values[row] - lags[row])
    }

    /// [`lag`](Self::lag) for each row of a group, where one [begins](Self::begins).
    #[inline(always)]
    pub(crate) fn lags(&mut self, [a, b, c, d]: [f64; GROUP]) -> [f64; GROUP] {
        let [q, square, cube, fourth] = self.powers;
        let first = q * (0.0 + (a - self.before));
        let second = q * (first + (b - a));
        let third = q * (second + (c - b));
        let last = q * (third + (d - c));
        let start = self.start;
        (self.start, self.before) = (fourth * start + last, d);
        [q * start + first, square * start + second, cube * start + third, self.start]
    }

    /// Puts the averages in the place of the values: [`next`](Self::next) for each.
    #[inline(always)]
    pub(crate) fn run(&mut self, values: &mut [f64]) {
        if self.n == 0 {
            values.fill(f64::NAN);
            return;
        }
        let mut at = 0;
        while at < values.len() && !self.begins() {
            values[at] = self.next(values[at]);
            at += 1;
        }
        let mut state = *self;
        let (groups, rest) = values[at..].as_chunks_mut::<GROUP>();
        for group in groups {
            *group = state.group(*group);
        }
        *self = state;
        for value in rest {
            *value = self.next(*value);
        }
    }

    pub(crate) fn restart(&mut self) {
        (self.seen, self.sum) = (0, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::{GROUP, Smoothing};

    fn values() -> Vec<f64> {
        (0..100).map(|row| 100.0 + f64::from(row * row % 37) + 0.1).collect()
    }

    /// What is defined: the mean of the first n, then `a += (x - a) * k`.
    fn defined(values: &[f64], n: usize, k: f64) -> Vec<f64> {
        let mut average = values[..n].iter().sum::<f64>() / n as f64;
        let mut all = vec![f64::NAN; n - 1];
        all.push(average);
        for value in &values[n..] {
            average += (value - average) * k;
            all.push(average);
        }
        all
    }

    #[test]
    fn averages_are_as_defined() {
        for n in [1, 2, 5, 21] {
            let averages =
                [(Smoothing::exponential(n), 2.0 / (n as f64 + 1.0)), (Smoothing::wilder(n), 1.0 / n as f64)];
            for (mut smoothing, k) in averages {
                let mut found = values();
                smoothing.run(&mut found);
                for (found, expected) in found.iter().zip(defined(&values(), n, k)) {
                    let equal =
                        (found - expected).abs() <= 1e-12 * expected || found.is_nan() && expected.is_nan();
                    assert!(equal, "n = {n}: {found} for {expected}");
                }
            }
        }
        let mut none = values();
        Smoothing::exponential(0).run(&mut none);
        assert!(none.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn pieces_give_what_rows_do() {
        for n in [1, 2, 5, 21, 120] {
            let mut one_by_one = Smoothing::exponential(n);
            let expected: Vec<u64> =
                values().into_iter().map(|value| one_by_one.next(value).to_bits()).collect();
            for piece in [1, 3, 4, 7, 30, 100] {
                let (mut smoothing, mut found) = (Smoothing::exponential(n), values());
                found.chunks_mut(piece).for_each(|piece| smoothing.run(piece));
                let found: Vec<u64> = found.into_iter().map(f64::to_bits).collect();
                assert_eq!(found, expected, "n = {n}, pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_stays_equal_is_averaged_to_itself() {
        let mut smoothing = Smoothing::exponential(1);
        smoothing.next(3.0);
        let found: Vec<f64> = (0..50).map(|_| smoothing.next(0.1)).collect();
        assert_eq!(found, [0.1; 50]);
        let mut flat = vec![0.25; 40];
        Smoothing::wilder(14).run(&mut flat);
        assert_eq!(flat[13..], [0.25; 27]);
    }

    /// A signal begins with the line's first value; from some row on their groups begin together.
    #[test]
    fn an_average_of_averages_is_in_step() {
        for n in 1..=13 {
            let (mut line, mut signal) = (Smoothing::exponential(26), Smoothing::exponential(n).in_step());
            for value in values() {
                let value = line.next(value);
                if !value.is_nan() {
                    signal.next(value);
                }
                assert!(!signal.begins() || line.begins(), "n = {n}");
            }
            assert!(
                signal.complete()
                    && (0..GROUP).any(|_| {
                        signal.next(1.0);
                        signal.begins()
                    })
            );
        }
    }
}
