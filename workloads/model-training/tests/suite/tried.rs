//! N of the deflated Sharpe ratio: all that was tried under a model's name, through the stage.

use ats_crds::model::LabelEntry;
use ats_model_training::card::Card;
use ats_model_training::metric::normal;
use ats_model_training::stage::read_predictions;
use ats_model_training::trials::{Trial, Trials};
use ats_pipeline::spec::{LabelSpec, TrainSpec};
use ats_pipeline::{Category, Digest, StageInput, StageName};

use crate::by_hand::{deviation, probabilistic_sharpe, spreads};
use crate::stage::{Place, files, paths, place, publish, put_stage, run_after, spec};
use crate::support::{close, market};

/// What a run left.
struct Left {
    card: Card,
    all: Trials,
    /// The Sharpe ratio, a period, of each of its trials.
    own: Vec<f64>,
    output: StageInput,
    /// The periods' returns of the stitched predictions.
    spreads: Vec<f64>,
}

impl Left {
    /// The figures, from the ratios that should count, each in periods of this run, and the number of trials (Bailey and
    /// Lopez de Prado 2014).
    fn check(&self, ratios: &[f64], trials: usize) {
        assert_eq!((self.card.number_of_trials, self.all.trials.len()), (trials, trials));
        assert_eq!(self.card.earlier_trials, trials - self.own.len());
        let (gamma, n) = (0.577_215_664_901_532_9, trials as f64);
        let best = (1.0 - gamma) * normal::quantile(1.0 - 1.0 / n)
            + gamma * normal::quantile(1.0 - 1.0 / (n * std::f64::consts::E));
        let benchmark = deviation(ratios) * best;
        assert!(trials == 2 || benchmark > 1e-3, "{ratios:?}");
        close(self.card.expected_best_sharpe.unwrap(), benchmark);
        close(self.card.deflated_sharpe.unwrap(), probabilistic_sharpe(&self.spreads, benchmark));
    }

    fn ratio(&self, specification: &str) -> Option<f64> {
        let found = self.all.trials.iter().find(|trial| trial.specification == specification);
        found.unwrap().sharpe_per_period
    }
}

/// Runs a specification after another one.
async fn tried(place: &Place, dataset: &StageInput, spec: &TrainSpec, earlier: Option<&StageInput>) -> Left {
    let (_, outcome, output) = run_after(earlier, place, dataset, spec, 1, 2).await.unwrap();
    let files = files(&place.store, &output).await;
    let card: Card = serde_json::from_slice(&files["card.json"]).unwrap();
    let all = Trials::from_json(&files["trials.json"]).unwrap();
    assert!(all.trials.is_sorted_by(|a, b| a.specification < b.specification), "{all:?}");
    assert_eq!(outcome.figures["trials"], Some(card.number_of_trials as f64));
    close(outcome.figures["deflatedSharpe"].unwrap(), card.deflated_sharpe.unwrap());
    let own = card.trials.iter().map(|trial| trial.figures.sharpe_per_period.unwrap()).collect();
    let LabelSpec::ForwardReturn { horizon_bars, .. } = spec.label else { panic!("{:?}", spec.label) };
    let paths = paths(&read_predictions(&files["predictions.parquet"]).unwrap());
    let spreads = spreads(&paths[0], horizon_bars as usize);
    Left { card, all, own, output, spreads }
}

/// A model with two trials, edited twice and back: each trial counts once, in periods of the present horizon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trials_of_all_specifications_count() {
    let place = place();
    let dataset = publish(&place.store, &market(6, 140, 9)).await;
    let first = spec(&["0.001", "0.1"]);
    let label = LabelSpec::ForwardReturn { horizon_bars: 4, entry: LabelEntry::NextOpen };
    let longer = TrainSpec { label, ..spec(&["0.1"]) };
    let third = spec(&["0.01", "0.1"]);

    let a = tried(&place, &dataset, &first, None).await;
    a.check(&a.own, 2);
    assert!(a.card.notes.iter().all(|note| !note.contains("under this name")), "{:?}", a.card.notes);
    let b = tried(&place, &dataset, &longer, Some(&a.output)).await;
    // Two sessions and four: of the longer periods a year has half as many.
    let root = 2f64.sqrt();
    b.check(&[b.own[0], a.own[0] * root, a.own[1] * root], 3);
    assert_eq!(b.all.trials.iter().filter(|trial| trial.periods_per_year == 63.0).count(), 1);
    assert_eq!(
        b.card.notes[0],
        "3 specifications have been tried under this name, 2 of them before this one and not again: all count for the \
         deflated Sharpe ratio."
    );
    let c = tried(&place, &dataset, &third, Some(&b.output)).await;
    c.check(&[c.own[0], c.own[1], a.own[0], b.own[0] / root], 4);
    let back = tried(&place, &dataset, &first, Some(&c.output)).await;
    assert_eq!(back.own, a.own);
    back.check(&[a.own[0], a.own[1], c.own[0], b.own[0] / root], 4);
    assert!(back.card.deflated_sharpe < a.card.deflated_sharpe);

    // What was tried before is a part of the key: with the same history nothing is computed.
    assert_ne!(back.output.key, a.output.key);
    let (_, outcome, again) = run_after(Some(&c.output), &place, &dataset, &first, 1, 1).await.unwrap();
    assert_eq!((outcome.category, again), (Category::CacheHit, back.output));
}

fn trial(specification: &str, sharpe_per_period: Option<f64>, periods_per_year: f64) -> Trial {
    Trial { specification: specification.to_owned(), sharpe_per_period, periods_per_year }
}

/// A store with a dataset, and with an output of `select` that has one file.
async fn with_output(name: &str, bytes: Vec<u8>) -> (Place, StageInput, StageInput) {
    let place = place();
    let dataset = publish(&place.store, &market(6, 140, 9)).await;
    let unit = (String::new(), vec![(name, bytes)]);
    let earlier = put_stage(&place.store, StageName::Select, vec![unit]).await;
    (place, dataset, earlier)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_tried_again_counts_by_what_it_finds_now() {
    let spec = spec(&["0.001", "0.1"]);
    let own = spec.trial_digests(42).unwrap();
    let list = Trials::new([
        trial(&own[0], Some(99.0), 126.0),
        trial("aaaaaaaaaaaa", Some(-0.5), 126.0),
        // Counted, and in no spread.
        trial("bbbbbbbbbbbb", None, 126.0),
        // A fourth as many periods: half the ratio.
        trial("cccccccccccc", Some(-0.8), 31.5),
    ]);
    let (place, dataset, earlier) = with_output("trials.json", list.to_json().unwrap()).await;
    let left = tried(&place, &dataset, &spec, Some(&earlier)).await;
    left.check(&[left.own[0], left.own[1], -0.5, -0.4], 5);
    assert!(left.card.deflated_sharpe < left.card.figures.probabilistic_sharpe);
    let listed: Vec<Option<f64>> = own.iter().map(|digest| left.ratio(digest)).collect();
    assert_eq!(listed, [Some(left.own[0]), Some(left.own[1])]);
    assert_eq!((left.ratio("bbbbbbbbbbbb"), left.ratio("cccccccccccc")), (None, Some(-0.8)));
}

#[tokio::test]
async fn a_list_that_is_not_to_be_had_is_told_with_what_to_do() {
    let spec = spec(&["0.1"]);
    let refused = async |place: &Place, dataset: &StageInput, earlier: &StageInput| {
        let error = run_after(Some(earlier), place, dataset, &spec, 1, 1).await.unwrap_err();
        assert_eq!(error.category, Category::DataRefused);
        error.message
    };
    // An output of a release that lists no trials, and one that is not there at all.
    let (place, dataset, earlier) = with_output("card.json", b"{}".to_vec()).await;
    let gone = StageInput { digest: Digest::of(b"gone"), ..earlier.clone() };
    for earlier in [&earlier, &gone] {
        let message = refused(&place, &dataset, earlier).await;
        let start = format!("trials.json of select/{}, the output of the specification before", earlier.key);
        assert!(message.starts_with(&start), "{message}");
        assert!(message.contains(place.store.uri()) && message.contains("begin a new count"), "{message}");
    }
    let (place, dataset, later) =
        with_output("trials.json", br#"{"version": 2, "trials": []}"#.to_vec()).await;
    let message = refused(&place, &dataset, &later).await;
    assert!(message.starts_with("trials.json has version 2, this release reads version 1"), "{message}");
}
