//! The audit finds a leak that was planted, in either direction, and blames no honest feature.

use ats_model_training::audit::{AuditTicker, FeatureAudit, Verdict, audit};
use ats_model_training::random::SplitMix64;

use crate::support::{noise, sessions};

/// Tickers whose returns nothing predicts, with features that know nothing.
fn market(tickers: usize, count: usize, seed: u64) -> Vec<AuditTicker> {
    let sessions = sessions(count);
    (0..tickers)
        .map(|ticker| {
            let mut random = SplitMix64::new(seed, ticker as u64);
            let (mut open, mut close) = (Vec::new(), Vec::new());
            let mut price = 100.0;
            for _ in 0..count {
                open.push(price * (1.0 + 0.005 * noise(&mut random)));
                price = open[open.len() - 1] * (1.0 + 0.02 * noise(&mut random));
                close.push(price);
            }
            let momentum = (0..count).map(|t| if t < 20 { f64::NAN } else { close[t] / close[t - 20] - 1.0 });
            let unrelated = (0..count).map(|_| noise(&mut random));
            AuditTicker {
                session: sessions.clone(),
                timestamp: (0..count as i64).map(|t| t * 86_400_000_000).collect(),
                active: vec![true; count],
                segments: vec![0..count],
                high: open.iter().zip(&close).map(|(o, c)| o.max(*c)).collect(),
                low: open.iter().zip(&close).map(|(o, c)| o.min(*c)).collect(),
                features: vec![momentum.collect(), unrelated.collect()],
                open,
                close,
            }
        })
        .collect()
}

fn names() -> Vec<String> {
    ["momentum", "unrelated", "planted"].map(str::to_owned).to_vec()
}

/// Adds a column that follows the close `ahead` bars later: what a file shifted by as many rows does.
fn plant(market: &mut [AuditTicker], ahead: usize, sign: f64, noise_share: f64, seed: u64) {
    for (place, ticker) in market.iter_mut().enumerate() {
        let mut random = SplitMix64::new(seed, 1_000 + place as u64);
        let count = ticker.close.len();
        let planted = (0..count)
            .map(|t| match ticker.close.get(t + ahead) {
                Some(later) => {
                    sign * (later / ticker.close[t] - 1.0) + noise_share * 0.02 * noise(&mut random)
                }
                None => f64::NAN,
            })
            .collect();
        ticker.features.push(planted);
    }
}

fn of<'a>(found: &'a [FeatureAudit], name: &str) -> &'a FeatureAudit {
    found.iter().find(|one| one.feature == name).unwrap()
}

#[test]
fn a_planted_leak_is_found_and_honest_features_are_not_blamed() {
    for (ahead, sign) in [(1, 1.0), (1, -1.0), (3, 1.0)] {
        let mut market = market(12, 800, 5);
        plant(&mut market, ahead, sign, 1.0, 9);
        let found = audit(&names(), &market, 5, 42).unwrap();
        let planted = of(&found, "planted");
        assert_eq!(planted.verdict, Verdict::Leak, "{planted:?}");
        let coming = planted.coming.unwrap();
        assert!(!coming.holds_zero() && coming.mean.signum() == sign, "{coming:?}");
        // Shuffled, the same returns follow nothing: the figure does not invent what it finds.
        assert!(planted.shuffled.unwrap().holds_zero());
        for honest in ["momentum", "unrelated"] {
            assert_eq!(of(&found, honest).verdict, Verdict::Clean, "{:?}", of(&found, honest));
        }
        // What is over a feature may know: this one is made of it.
        assert!(!of(&found, "momentum").past.unwrap().holds_zero());
        assert!(of(&found, "unrelated").past.unwrap().holds_zero());
        // The same bars and seed, the same figures.
        assert_eq!(found, audit(&names(), &market, 5, 42).unwrap());
    }
}

#[test]
fn a_column_that_was_shifted_the_other_way_is_no_leak() {
    let mut market = market(12, 800, 5);
    for ticker in &mut market {
        let close = &ticker.close;
        let late = (0..close.len()).map(|t| if t < 2 { f64::NAN } else { close[t - 1] / close[t - 2] - 1.0 });
        let late = late.collect();
        ticker.features.push(late);
    }
    let found = audit(&names(), &market, 5, 42).unwrap();
    assert_eq!(of(&found, "planted").verdict, Verdict::Clean);
    assert!(!of(&found, "planted").past.unwrap().holds_zero());
}

#[test]
fn too_few_names_or_dates_decide_nothing() {
    let mut few_names = market(4, 400, 5);
    plant(&mut few_names, 1, 1.0, 0.0, 9);
    let mut few_dates = market(12, 60, 5);
    plant(&mut few_dates, 1, 1.0, 0.0, 9);
    few_dates.iter_mut().for_each(|ticker| ticker.active[..45].fill(false));
    for market in [few_names, few_dates] {
        for feature in audit(&names(), &market, 5, 42).unwrap() {
            assert_eq!(feature.verdict, Verdict::Undecided, "{feature:?}");
            assert_eq!((feature.coming, feature.shuffled, feature.past), (None, None, None));
        }
    }
}

/// Markets without any predictability: no feature is blamed; and shuffled labels predict nothing even where the labels
/// themselves are known. One interval in ten thousand misses zero by chance: of these, none or one.
#[test]
fn shuffled_labels_hold_zero() {
    let mut missed = Vec::new();
    for seed in 0..30 {
        let mut market = market(10, 500, seed);
        plant(&mut market, 1, 1.0, 0.0, seed);
        let found = audit(&names(), &market, 2, seed).unwrap();
        assert!(of(&found, "planted").coming.unwrap().is_too_good());
        assert!(!of(&found, "momentum").coming.unwrap().is_too_good());
        missed.extend(found.into_iter().filter(|feature| !feature.shuffled.unwrap().holds_zero()));
    }
    assert!(missed.len() <= 1, "{missed:?}");
}
