use std::array::from_fn;

use super::{Highest, Powers, Ramp, Slide, Sum, Summary};

/// What rows given one by one come to.
fn rows<S: Summary<1, K>, const K: usize>(x: &[f64], n: usize) -> Vec<Option<[f64; K]>> {
    let mut slide = Slide::<S, 1, K>::new(n);
    x.iter().map(|x| slide.push([*x]).map(|window| window.sums)).collect()
}

#[test]
fn every_window_is_seen_once() {
    let x: Vec<f64> = (1..=29).map(f64::from).collect();
    for n in 1..=20 {
        let mut expected = vec![None; (n - 1).min(x.len())];
        expected.extend(x.windows(n).map(|window| Some([window.iter().sum::<f64>()])));
        assert_eq!(rows::<Sum, 1>(&x, n), expected, "n = {n}");
        let highest: Vec<_> = rows::<Highest, 1>(&x, n).into_iter().flatten().collect();
        assert_eq!(highest, x.windows(n).map(|window| [window[n - 1]]).collect::<Vec<_>>(), "n = {n}");
    }
    assert_eq!(rows::<Sum, 1>(&x, 0), [None; 29]);
}

#[test]
fn weights_run_from_one_to_n() {
    let x: Vec<f64> = (0..60).map(|row| f64::from(row * row % 37)).collect();
    for n in [1, 2, 4, 5, 10, 21] {
        let mut slide = Slide::<Ramp, 1, 2>::new(n);
        let found: Vec<_> = x.iter().filter_map(|x| slide.push([*x])).collect();
        assert_eq!(found.len(), x.len() + 1 - n);
        for (window, rows) in found.iter().zip(x.windows(n)) {
            let [pivot] = window.pivot;
            assert!(rows.contains(&pivot));
            let sum: f64 = rows.iter().map(|x| x - pivot).sum();
            let weighted: f64 = (1..).zip(rows).map(|(weight, x)| f64::from(weight) * (x - pivot)).sum();
            assert_eq!(window.sums, [sum, weighted], "n = {n}");
        }
    }
}

/// Rows in one piece, in several, and one by one.
#[test]
fn columns_give_what_rows_do() {
    let x: Vec<f64> = (0..200).map(|row| f64::from(row * row % 37) + 0.1).collect();
    for n in [0, 1, 2, 3, 4, 5, 7, 50, 250] {
        let expected: Vec<_> =
            rows::<Powers, 4>(&x, n).iter().map(|sums| sums.map(|sums| sums.map(f64::to_bits))).collect();
        for cuts in [vec![0, 200], vec![0, 1, 2, 60, 61, 130, 200], vec![0, 14, 28, 50, 150, 200]] {
            let mut slide = Slide::<Powers, 1, 4>::new(n);
            let mut found: [Vec<f64>; 4] = from_fn(|_| vec![f64::NAN; x.len()]);
            for cut in cuts.windows(2) {
                let outputs = found.each_mut().map(|output| &mut output[cut[0]..cut[1]]);
                slide.fill([&x[cut[0]..cut[1]]], outputs, |window| window.sums);
            }
            for (row, expected) in expected.iter().enumerate() {
                let sums = found.each_ref().map(|output| output[row]);
                match expected {
                    Some(expected) => assert_eq!(sums.map(f64::to_bits), *expected, "n = {n}, row {row}"),
                    None => assert!(sums.iter().all(|sum| sum.is_nan()), "n = {n}, row {row}"),
                }
            }
        }
    }
}

#[derive(Debug)]
struct Counted;

thread_local! {
    static JOINS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Summary<1, 1> for Counted {
    const NOTHING: f64 = 0.0;

    fn one(_: [f64; 1], _: [f64; 1]) -> [f64; 1] {
        [1.0]
    }

    fn join(earlier: f64, later: f64) -> f64 {
        JOINS.set(JOINS.get() + 1);
        earlier + later
    }
}

#[test]
fn a_row_costs_three_joins_whatever_the_period() {
    for n in [1, 2, 9, 21, 252, 5000] {
        JOINS.set(0);
        let mut slide = Slide::<Counted, 1, 1>::new(n);
        for row in 0..20_000 {
            let found = slide.push([0.0]).map(|window| window.sums[0]);
            assert_eq!(found, (row + 1 >= n).then_some(n as f64));
        }
        assert!(JOINS.get() <= 3 * 20_000, "n = {n}: {} joins", JOINS.get());
    }
}

#[test]
fn a_spike_that_left_the_window_leaves_no_trace() {
    let mut x = vec![0.1; 12];
    x[3] = 1e300;
    let sums = rows::<Sum, 1>(&x, 4);
    assert_eq!((sums[7], sums[11]), (Some([0.4]), Some([0.4])));
    let powers = rows::<Powers, 2>(&x, 4);
    assert_eq!((powers[7], powers[11]), (Some([0.0; 2]), Some([0.0; 2])));
    x.resize(40, 0.1);
    let powers = rows::<Powers, 2>(&x, 10);
    assert_eq!((powers[13], powers[39]), (Some([0.0; 2]), Some([0.0; 2])));
}
