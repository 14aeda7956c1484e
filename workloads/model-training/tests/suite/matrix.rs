//! The design matrix.

use ats_crds::model::FeatureScaling;
use ats_model_training::dataset::{Matrix, TickerRows};
use ats_model_training::label::Labels;

use crate::support::{feature_names, market, matrix, sessions, two_bars};

fn rows(ticker: &str, feature: &[f64], active: &[bool]) -> TickerRows {
    let session = sessions(feature.len());
    let bars = feature.len();
    TickerRows {
        ticker: ticker.to_owned(),
        timestamp: (0..bars as i64).collect(),
        active: active.to_vec(),
        features: vec![feature.to_vec()],
        labels: Labels {
            value: vec![0.5; bars],
            forward_return: vec![0.5; bars],
            start: session.clone(),
            end: session.clone(),
            last_bar: (0..bars).collect(),
        },
        session,
    }
}

fn names() -> Vec<String> {
    vec!["feature".to_owned()]
}

#[test]
fn z_scores_run_across_the_active_tickers_of_a_date() {
    let nan = f64::NAN;
    let tickers = vec![
        rows("C", &[3.0, 5.0, 1.0], &[true, true, true]),
        rows("A", &[1.0, 5.0, nan], &[true, true, true]),
        rows("B", &[2.0, 5.0, 4.0], &[true, true, true]),
        // Inactive: neither a row nor a part of the date's mean.
        rows("D", &[99.0, 99.0, 99.0], &[false, false, false]),
    ];
    let matrix = Matrix::new(&names(), tickers, FeatureScaling::CrossSectionalZScore).unwrap();
    // The second date does not differ across tickers, A has no value on the third: four rows are dropped.
    assert_eq!(matrix.tickers, ["A", "B", "C", "D"]);
    assert_eq!(matrix.ticker, [0, 1, 2, 1, 2]);
    assert_eq!(matrix.session, [0, 0, 0, 2, 2]);
    let half = 0.5f64.sqrt();
    for (found, expected) in matrix.columns[0].iter().zip([-1.0, 0.0, 1.0, half, -half]) {
        assert!((found - expected).abs() < 1e-15, "{found} is not {expected}");
    }
    assert_eq!((matrix.counts.active, matrix.counts.dropped, matrix.counts.unlabelled), (9, 4, 0));
    assert_eq!(matrix.counts.nulls["feature"], 4);
}

/// Features scaled by 1e-9 (or 1e150) give the same matrix, up to rounding.
#[test]
fn z_scores_do_not_depend_on_scale() {
    let values = [[1.0, -2.0, 0.5], [2.0, 0.25, 3.0], [4.0, 1.0, -1.0]];
    let of = |scale: f64| {
        let tickers = values
            .iter()
            .zip(["A", "B", "C"])
            .map(|(values, ticker)| rows(ticker, &values.map(|value| value * scale), &[true; 3]))
            .collect();
        Matrix::new(&names(), tickers, FeatureScaling::CrossSectionalZScore).unwrap().columns
    };
    let one = of(1.0);
    for scale in [1e-9, 1e-200, 1e150] {
        for (found, expected) in of(scale)[0].iter().zip(&one[0]) {
            assert!((found - expected).abs() < 1e-12, "{scale}: {found} is not {expected}");
        }
    }
}

#[test]
fn a_matrix_without_rows_names_the_feature() {
    let tickers = vec![rows("A", &[1.0; 4], &[true; 4]), rows("B", &[1.0; 4], &[true; 4])];
    let error = Matrix::new(&names(), tickers, FeatureScaling::CrossSectionalZScore).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"nothing to train on: feature feature is null, or equal for all tickers of the date, on 8 of 8 rows; leave it out or choose another preprocess.features");
    let error = Matrix::new(&[], Vec::new(), FeatureScaling::None).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"features: a model needs at least one feature");
    let twice = vec![rows("A", &[1.0], &[true]), rows("A", &[1.0], &[true])];
    let error = Matrix::new(&names(), twice, FeatureScaling::None).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"ticker A is given twice");
}

#[test]
fn unlabelled_rows_are_kept_to_be_predicted() {
    let market = market(3, 30, 1);
    let matrix = matrix(&market, &two_bars(), FeatureScaling::None);
    // Momentum needs five bars, a label three later ones.
    assert_eq!(matrix.counts.dropped, 3 * 5);
    assert_eq!(matrix.counts.unlabelled, 3 * 3);
    assert_eq!(matrix.len(), 3 * 25);
    assert_eq!(matrix.labelled_sessions(), 5..27);
    assert_eq!(matrix.features, feature_names());
    for row in 1..matrix.len() {
        assert!(
            (matrix.timestamp[row - 1], matrix.ticker[row - 1]) < (matrix.timestamp[row], matrix.ticker[row])
        );
        assert_eq!(matrix.label[row].is_nan(), matrix.label_end[row].is_none());
    }
}
