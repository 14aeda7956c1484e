//! Training beside scikit-learn and LightGBM over the same made-up columns in memory, on one thread and on two.

use std::path::Path;
use std::time::Instant;

use ats_model_training::algorithm::{Algorithm, Estimator, TrainingRows, build};
use ats_model_training::metric::Score;
use ats_model_training::random::SplitMix64;
use ats_pipeline::spec::AlgorithmSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::profile::repeated;
use super::{Case, spawn};
use crate::goals::Goal;
use crate::report::{Section, Unit, seconds, times};
use crate::rivals::training::Rivals;
use crate::rivals::{read_column, write_column};
use crate::statistics::{Sample, Summary, interleaved, spread};
use crate::usage::{peak_kib, resident_kib};
use crate::{Result, say};

const FEATURES: usize = 20;
/// Rows that are predicted and never learned from.
const HELD_OUT: usize = 20_000;
const SEED: u64 = 7;
const THREADS: [usize; 2] = [1, 2];
const LIBRARIES: [&str; 2] = ["scikit-learn", "LightGBM"];
/// How far losses may lie apart, of the loss of predicting the mean.
const APART: f64 = 0.01;

/// A model that others have, too.
struct Model {
    /// Its name in `rivals/training.py`.
    name: &'static str,
    spec: AlgorithmSpec,
    score: Score,
    /// Most rows: a kernel of all pairs takes its time.
    most_rows: usize,
}

fn models() -> Result<Vec<Model>> {
    let model = |name, score, most_rows, spec: Value| {
        Ok(Model { name, spec: serde_json::from_value(spec)?, score, most_rows })
    };
    let all = usize::MAX;
    let boosting = json!({"gradientBoosting": {
        "trees": 100, "learningRate": "0.1", "maxDepth": 6, "minSamplesLeaf": 20, "subsample": "1"
    }});
    let forest = json!({"randomForest": {"trees": 100, "maxDepth": 8, "minSamplesLeaf": 20}});
    let tree = json!({"decisionTree": {"maxDepth": 8, "minSamplesLeaf": 20}});
    let machine = json!({"supportVector": {"cost": "1", "gamma": "1"}});
    [
        model("elasticNet", Score::Value, all, json!({"elasticNet": {"penalty": "0.01", "l1Ratio": "0.5"}})),
        model("logistic", Score::ProbabilityMinusHalf, all, json!({"logistic": {"penalty": "0.001"}})),
        model("supportVector", Score::Margin, 10_000, machine),
        model("decisionTree", Score::Value, all, tree),
        model("randomForest", Score::Value, all, forest),
        model("gradientBoosting", Score::Value, all, boosting.clone()),
        model("gradientBoostingUp", Score::ProbabilityMinusHalf, all, boosting),
    ]
    .into_iter()
    .collect()
}

impl Model {
    /// Its parameters as numbers.
    fn parameters(&self) -> Result<Map<String, Value>> {
        let number = |(name, text): (&str, String)| Ok((name.to_owned(), serde_json::from_str(&text)?));
        self.spec.parameters().into_iter().map(number).collect()
    }
}

/// The columns; the last [`HELD_OUT`] rows are not learned from.
struct Data {
    names: Vec<String>,
    columns: Vec<Vec<f64>>,
    label: Vec<f64>,
    train: usize,
}

/// Standard normal features; six of them say something about the label, two of these only together.
fn made_up(train: usize) -> Data {
    let rows = train + HELD_OUT;
    let column = |place: usize| -> Vec<f64> {
        let mut random = SplitMix64::new(SEED, place as u64);
        let mut uniform = move || ((random.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        let normal = |_| (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        (0..rows).map(normal).collect()
    };
    let columns: Vec<Vec<f64>> = (0..FEATURES).map(column).collect();
    let noise = column(FEATURES);
    let label = (0..rows)
        .map(|row| {
            let x = |place: usize| columns[place][row];
            let bend = 0.8 * (2.0 * x(0)).sin() + if x(2) > 0.0 { 0.5 * x(1) } else { 0.0 };
            bend + 0.3 * x(3) - 0.2 * x(4) + 0.2 * x(5) * x(6) + noise[row]
        })
        .collect();
    let names = (0..FEATURES).map(|place| format!("x{place}")).collect();
    Data { names, columns, label, train }
}

impl Data {
    fn write(&self, folder: &Path) -> Result<()> {
        write_column(folder, "x", &self.columns.concat())?;
        write_column(folder, "y", &self.label)?;
        let shape = json!({"rows": self.label.len(), "train": self.train, "features": FEATURES});
        Ok(std::fs::write(folder.join("shape.json"), shape.to_string())?)
    }

    /// The columns of a folder, of so many training rows alone.
    fn read(folder: &Path, rows: usize) -> Result<Self> {
        let (values, mut label) = (read_column(&folder.join("x"))?, read_column(&folder.join("y"))?);
        let column = |values: &[f64]| values[..rows].to_vec();
        let columns = values.chunks_exact(label.len()).map(column).collect();
        label.truncate(rows);
        let names = (0..FEATURES).map(|place| format!("x{place}")).collect();
        Ok(Self { names, columns, label, train: rows })
    }

    /// The first training rows, with labels as a score wants them.
    fn first(&self, rows: usize, score: Score) -> Self {
        Self {
            names: self.names.clone(),
            columns: self.columns.iter().map(|column| column[..rows].to_vec()).collect(),
            label: self.label[..rows].iter().map(|y| label_of(*y, score)).collect(),
            train: rows,
        }
    }

    fn held_out(&self) -> Vec<Vec<f64>> {
        self.columns.iter().map(|column| column[self.train..].to_vec()).collect()
    }

    fn rows(&self, score: Score) -> TrainingRows<'_> {
        TrainingRows { names: &self.names, columns: &self.columns, label: &self.label, weights: None, score }
    }
}

fn label_of(value: f64, score: Score) -> f64 {
    match score {
        Score::Value => value,
        Score::ProbabilityMinusHalf | Score::Margin => f64::from(value > 0.0),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    library: &'a str,
    model: &'a str,
    parameters: &'a Map<String, Value>,
    rows: usize,
    output: Option<&'a Path>,
}

/// How a fit and the predictions of the held-out rows went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Ran {
    fit: f64,
    predict: f64,
    /// How far the peak memory of fitting lay above what was held before.
    bytes: f64,
}

/// Figures of one model on so many rows and threads.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    model: String,
    rows: usize,
    threads: usize,
    fit: Option<Summary>,
    predict: Option<Summary>,
    /// Bytes over those of the columns.
    memory: f64,
    loss: f64,
    /// Time on one thread over that on these, round by round.
    over_one: Option<Summary>,
    rivals: Vec<Rival>,
}

/// A library's time over ours, round by round, its memory and its loss.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rival {
    library: String,
    fit: Option<Summary>,
    predict: Option<Summary>,
    memory: f64,
    loss: f64,
}

/// Measures every model on so many training rows each.
///
/// # Errors
/// When a library's held-out predictions are better than ours, or much worse, or a process fails.
pub fn measure(sizes: &[usize], rounds: usize) -> Result<(Vec<Section>, Value)> {
    let folder = tempfile::tempdir()?;
    let data = made_up(sizes.iter().copied().max().unwrap_or(0));
    data.write(folder.path())?;
    let mut all = Vec::new();
    let mut versions = Vec::new();
    for threads in THREADS {
        let mut rivals = Rivals::start(folder.path(), threads)?;
        versions = rivals.hello.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        for model in models()? {
            for rows in sizes.iter().map(|rows| (*rows).min(model.most_rows)) {
                if !all.iter().any(|known: &Figures| {
                    (known.model.as_str(), known.rows, known.threads) == (model.name, rows, threads)
                }) {
                    say(&format!("training: {}, {rows} rows, {threads} threads", model.name));
                    all.push(one(folder.path(), &data, &model, rows, threads, rounds, &mut rivals)?);
                }
            }
        }
    }
    Ok((sections(&all, rounds, &versions), serde_json::to_value(&all)?))
}

fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?)
}

fn one(
    folder: &Path,
    data: &Data,
    model: &Model,
    rows: usize,
    threads: usize,
    rounds: usize,
    rivals: &mut Rivals,
) -> Result<Figures> {
    let parameters = model.parameters()?;
    let output = rivals.output().to_owned();
    let request =
        |library, output| Request { library, model: model.name, parameters: &parameters, rows, output };
    let libraries = rivals.hello.offered.get(model.name).cloned().unwrap_or_default();
    let algorithm = build(&model.spec)?;
    let (train, held_out) = (data.first(rows, model.score), data.held_out());
    let outcomes: Vec<f64> = data.label[data.train..].iter().map(|y| label_of(*y, model.score)).collect();
    let (these, single) = (pool(threads)?, pool(1)?);

    let (_, estimator) = these.install(|| fit(algorithm.as_ref(), &train, model.score))?;
    let shift = if model.score == Score::ProbabilityMinusHalf { 0.5 } else { 0.0 };
    let mut ours = estimator.predict(&held_out, HELD_OUT);
    ours.iter_mut().for_each(|prediction| *prediction += shift);
    let found = loss(&ours, &outcomes, model.score);
    let mean = train.label.iter().sum::<f64>() / rows as f64;
    let constant = loss(&vec![mean; HELD_OUT], &outcomes, model.score);
    let mut losses = Vec::new();
    for library in &libraries {
        rivals.ask::<Ran>(&request(library, Some(&output)))?;
        let theirs = loss(&rivals.written()?, &outcomes, model.score);
        if (found - theirs).abs() > APART * constant {
            return Err(
                format!("{}: {library} loses {theirs}, ours {found}, a mean {constant}", model.name).into()
            );
        }
        losses.push(theirs);
    }

    // Ours, ours on one thread, the others.
    let mut turns: Vec<Vec<Option<Ran>>> = Vec::new();
    for order in interleaved(libraries.len() + 2, rounds) {
        let mut round = vec![None; libraries.len() + 2];
        for place in order {
            round[place] = match place {
                0 => Some(these.install(|| timed(algorithm.as_ref(), &train, model.score, &held_out))?),
                1 if threads == 1 => None,
                1 => Some(single.install(|| timed(algorithm.as_ref(), &train, model.score, &held_out))?),
                _ => Some(rivals.ask(&request(&libraries[place - 2], None))?),
            };
        }
        turns.push(round);
    }
    let of = |place: usize, part: fn(&Ran) -> f64, over: Option<usize>| -> Option<Summary> {
        let value = |round: &Vec<Option<Ran>>| {
            let below = over.map_or(Some(1.0), |over| round[over].as_ref().map(part))?;
            Some(round[place].as_ref().map(part)? / below)
        };
        turns.iter().filter_map(value).collect::<Sample>().summary()
    };
    let case = Case::Training { model: model.name.to_owned(), rows, jobs: threads };
    let columns = (rows * (FEATURES + 1) * size_of::<f64>()) as f64;
    let memory = spawn::<f64>(&case, folder)? / columns;
    let mut others = Vec::new();
    for (place, (library, loss)) in libraries.iter().zip(losses).enumerate() {
        // A process of its own: what an earlier fit has left is no part of this one's.
        let mut fresh = Rivals::start(folder, threads)?;
        let ran: Ran = fresh.ask(&request(library, None))?;
        others.push(Rival {
            library: library.clone(),
            fit: of(place + 2, |ran| ran.fit, Some(0)),
            predict: of(place + 2, |ran| ran.predict, Some(0)),
            memory: ran.bytes / columns,
            loss,
        });
    }
    Ok(Figures {
        model: model.name.to_owned(),
        rows,
        threads,
        fit: of(0, |ran| ran.fit, None),
        predict: of(0, |ran| ran.predict, None),
        memory,
        loss: found,
        over_one: of(1, |ran| ran.fit, Some(0)),
        rivals: others,
    })
}

fn fit(algorithm: &dyn Algorithm, data: &Data, score: Score) -> Result<(f64, Estimator)> {
    let began = Instant::now();
    let fitted = algorithm.fit(&data.rows(score), SEED)?;
    Ok((began.elapsed().as_secs_f64(), fitted.estimator))
}

fn timed(algorithm: &dyn Algorithm, data: &Data, score: Score, held_out: &[Vec<f64>]) -> Result<Ran> {
    let (fit, estimator) = fit(algorithm, data, score)?;
    let began = Instant::now();
    let predictions = estimator.predict(held_out, HELD_OUT);
    let predict = began.elapsed().as_secs_f64();
    drop(predictions);
    Ok(Ran { fit, predict, bytes: 0.0 })
}

/// The names of the models.
pub(super) fn names() -> Result<Vec<&'static str>> {
    Ok(models()?.iter().map(|model| model.name).collect())
}

/// Fits a model on one thread, for so many seconds at least; how often.
pub(super) fn repeat(model: &str, rows: usize, seconds: f64) -> Result<usize> {
    let models = models()?;
    let model = models.iter().find(|known| known.name == model).ok_or("there is no such model")?;
    let rows = rows.min(model.most_rows);
    let data = made_up(rows).first(rows, model.score);
    let algorithm = build(&model.spec)?;
    let pool = pool(1)?;
    repeated(seconds, || pool.install(|| fit(algorithm.as_ref(), &data, model.score)).map(drop))
}

/// How far the peak memory of one fit lies above what was held before, in bytes; in a process of its own.
///
/// # Errors
/// When there is no such model, or it cannot be fitted.
pub fn memory(folder: &Path, model: &str, rows: usize, threads: usize) -> Result<f64> {
    let models = models()?;
    let model = models.iter().find(|known| known.name == model).ok_or("there is no such model")?;
    let mut data = Data::read(folder, rows)?;
    data.label.iter_mut().for_each(|label| *label = label_of(*label, model.score));
    let algorithm = build(&model.spec)?;
    let pool = pool(threads)?;
    // From here on the peak is that of what follows.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let this = std::process::id();
    let before = resident_kib(this).ok_or("this process is not in /proc")?;
    pool.install(|| fit(algorithm.as_ref(), &data, model.score))?;
    let peak = peak_kib(this).ok_or("this process is not in /proc")?;
    Ok(peak.saturating_sub(before) as f64 * 1024.0)
}

/// Mean squared error, log loss, or share of wrong signs.
fn loss(predictions: &[f64], outcomes: &[f64], score: Score) -> f64 {
    let one = |(p, y): (&f64, &f64)| match score {
        Score::Value => (p - y) * (p - y),
        Score::ProbabilityMinusHalf => -(if *y > 0.0 { *p } else { 1.0 - p }).ln(),
        Score::Margin => f64::from((*p >= 0.0) != (*y > 0.0)),
    };
    predictions.iter().zip(outcomes).map(one).sum::<f64>() / outcomes.len() as f64
}

fn sections(all: &[Figures], rounds: usize, versions: &[String]) -> Vec<Section> {
    let with = |of: &dyn Fn(&Rival) -> String, figures: &Figures| -> Vec<String> {
        let of = |library: &&str| figures.rivals.iter().find(|rival| rival.library == *library).map(of);
        LIBRARIES.iter().map(|library| of(library).unwrap_or_default()).collect()
    };
    let mut fits = Section::new(
        "Training",
        &["model", "rows", "threads", "ours", "scikit-learn", "LightGBM", "one thread over these", "losses"],
    );
    let mut rest = Section::new(
        "Predicting 20,000 rows, and memory of training",
        &[
            "model",
            "rows",
            "threads",
            "ours",
            "scikit-learn",
            "LightGBM",
            "memory",
            "scikit-learn's",
            "LightGBM's",
        ],
    );
    for figures in all {
        let head = [figures.model.clone(), figures.rows.to_string(), figures.threads.to_string()];
        let name = head.join(", ");
        fits.follow(name.clone(), Unit::Seconds, figures.fit);
        rest.follow(name, Unit::Seconds, figures.predict);
        let name = format!("{}, {} rows, {} threads", figures.model, figures.rows, figures.threads);
        for rival in &figures.rivals {
            fits.toward(Goal::Training, format!("{name}, {}", rival.library), rival.fit);
        }
        fits.toward(Goal::TwoCores, format!("training {name}"), figures.over_one);
        // The columns themselves are held before a fit begins.
        let memory = Sample::new([1.0 + figures.memory]).summary();
        rest.toward(Goal::Memory, format!("training {name}"), memory);
        let mut row = head.to_vec();
        row.push(spread(figures.fit, seconds));
        row.extend(with(&|rival| spread(rival.fit, times), figures));
        row.push(figures.over_one.map_or_else(String::new, |ratio| spread(Some(ratio), times)));
        let losses = std::iter::once(figures.loss).chain(figures.rivals.iter().map(|rival| rival.loss));
        row.push(losses.map(|loss| format!("{loss:.4}")).collect::<Vec<_>>().join(", "));
        fits.rows.push(row);
        let mut row = head.to_vec();
        row.push(spread(figures.predict, seconds));
        row.extend(with(&|rival| spread(rival.predict, times), figures));
        row.push(times(figures.memory));
        row.extend(with(&|rival| times(rival.memory), figures));
        rest.rows.push(row);
    }
    fits.notes = vec![
        format!(
            "{FEATURES} made-up features from a fixed seed, in the memory of both processes; {rounds} rounds, in turns there and back; median (least to most)."
        ),
        format!("A library's column is its time over ours: above 1, ours is quicker. {}.", versions.join(", ")),
        format!(
            "Losses on {HELD_OUT} rows that were not learned from, ours first: squared error, log loss, for supportVector the share of wrong signs. Nothing is timed whose loss lies further from ours than a hundredth of a mean's."
        ),
        "Parameters are equal: trees, depth, leaves, learning rate, bins. scikit-learn's boosting is HistGradientBoosting.".to_owned(),
    ];
    rest.notes = vec![
        "Memory: how far the peak of one fit, in a process of its own, lies above what was held before, over the bytes of its columns."
            .to_owned(),
    ];
    vec![fits, rest]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_the_same_each_time_and_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let data = made_up(100);
        data.write(folder.path()).unwrap();
        let read = Data::read(folder.path(), 60).unwrap();
        assert_eq!(read.columns, made_up(100).first(60, Score::Value).columns);
        assert_eq!(read.label, data.label[..60]);
        assert_eq!(data.held_out()[0].len(), HELD_OUT);
    }

    #[test]
    fn losses_are_the_fields() {
        assert_eq!(loss(&[1.0, 3.0], &[2.0, 3.0], Score::Value), 0.5);
        assert_eq!(loss(&[0.5], &[1.0], Score::ProbabilityMinusHalf), std::f64::consts::LN_2);
        assert_eq!(loss(&[-0.1, 2.0], &[1.0, 1.0], Score::Margin), 0.5);
    }

    #[test]
    fn every_model_has_parameters_that_are_numbers() {
        for model in models().unwrap() {
            assert!(model.parameters().unwrap().values().all(Value::is_number), "{}", model.name);
            build(&model.spec).unwrap();
        }
    }
}
