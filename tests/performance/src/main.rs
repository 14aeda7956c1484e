//! `ats-bench`: speed, memory, API writes, sizes.
#![allow(clippy::print_stdout, reason = "this is a command line")]

use std::path::PathBuf;
use std::process::ExitCode;

use ats_performance_tests::machine::Machine;
use ats_performance_tests::operator::{self, System};
use ats_performance_tests::process::{
    self, Case, Size, backtest, engines, features, functions, panel, profile, scale, training,
};
use ats_performance_tests::report::{Document, Section};
use ats_performance_tests::{Result, goals, images, local, say};
use clap::{Parser, Subcommand, ValueEnum};

/// Measures speed, memory, API writes and sizes.
#[derive(Parser)]
#[command(name = "ats-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Parts to measure, separated by commas; left out: all.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Small sizes and few rounds: to see that it works, not for figures.
    #[arg(long)]
    quick: bool,
    /// Objects at once and rounds of them, for `operator`: `1:4,100:4,1000:2`.
    #[arg(long, value_delimiter = ',', value_parser = pair)]
    objects: Vec<(usize, usize)>,
    /// What is measured in `operator`, separated by commas; left out: all. Ratios are the first one's to the others.
    #[arg(long, value_enum, value_delimiter = ',')]
    systems: Vec<System>,
    /// Folder of the binaries for `images`, such as that of a release build.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
    /// Folder for the JSON document; left out: `bench` in Cargo's target folder.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs one case in this process; for the program itself.
    #[command(hide = true)]
    Case {
        #[arg(long)]
        folder: PathBuf,
        case: String,
    },
    /// Where our side of a benchmark spends its time: functions by their share of the samples of `perf`.
    Profile {
        /// Benchmarks, separated by commas; left out: all.
        #[arg(long, value_enum, value_delimiter = ',')]
        only: Vec<profile::Part>,
        /// The one expression of `functions`, or the one model of `training`; left out: the 16 features together, and every
        /// model.
        #[arg(long)]
        of: Option<String>,
        /// Small sizes, half a second: to see that it works.
        #[arg(long)]
        quick: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The operator beside JobSet on a control plane.
    Operator,
    /// Functions of the expression language beside TA-Lib, pandas and Polars.
    Functions,
    /// Training beside scikit-learn and LightGBM.
    Training,
    /// Stage features.
    Features,
    /// Backtests, alone and beside other engines.
    Backtest,
    /// How time and memory of the stages grow, up to 5,000 tickers and 98 million bars: half an hour, 30 GB of disk. Only
    /// where it is asked for by name.
    Scale,
    /// `ats run` of the samples.
    Run,
    /// Sizes and start-up of the images.
    Images,
}

/// The parts in the order in which they are measured, with their names.
const ORDER: [(Part, &str); 8] = [
    (Part::Images, "images"),
    (Part::Run, "run"),
    (Part::Functions, "functions"),
    (Part::Training, "training"),
    (Part::Features, "features"),
    (Part::Backtest, "backtest"),
    (Part::Scale, "scale"),
    (Part::Operator, "operator"),
];

fn pair(text: &str) -> std::result::Result<(usize, usize), String> {
    let parsed =
        text.split_once(':').and_then(|(count, rounds)| Some((count.parse().ok()?, rounds.parse().ok()?)));
    match parsed {
        Some((count, rounds)) if count > 0 && rounds > 0 => Ok((count, rounds)),
        _ => Err(format!("{text:?} is not OBJECTS:ROUNDS, such as 100:4")),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match &arguments.command {
        Some(Command::Case { folder, case }) => one_case(folder, case).await,
        Some(Command::Profile { only, of, quick }) => profiles(only, of.as_deref(), *quick),
        None => measure(&arguments).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn one_case(folder: &std::path::Path, case: &str) -> Result<()> {
    let case: Case = serde_json::from_str(case)?;
    println!("{}", process::run(&case, folder).await?);
    Ok(())
}

fn profiles(only: &[profile::Part], of: Option<&str>, is_quick: bool) -> Result<()> {
    for section in profile::measure(only, of, is_quick)? {
        println!("{}", section.to_text());
    }
    Ok(())
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let machine = Machine::here();
    let mut document = Document::new(&folder(arguments)?, &machine)?;
    println!(
        "commit {}, profile {}, {} x {}, {} MiB, Linux {}, load {}, {}\n",
        machine.commit,
        machine.profile,
        machine.cores,
        machine.processor,
        machine.memory_mib,
        machine.kernel,
        machine.load,
        machine.at
    );
    let wanted = |part: Part| match &arguments.only[..] {
        [] => part != Part::Scale,
        only => only.contains(&part),
    };
    let mut failed = Vec::new();
    for (part, name) in ORDER.into_iter().filter(|(part, _)| wanted(*part)) {
        // What one part found is not lost because another fails.
        if let Err(error) = one_part(part, arguments, &mut document).await {
            say(&format!("{name}: error: {error}"));
            failed.push(name);
        }
    }
    let verdicts = document.verdicts();
    if !verdicts.is_empty() {
        println!("{}", goals::section(&verdicts).to_text());
        document.add("goals", &verdicts)?;
    }
    println!("{}", document.path().display());
    match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("not measured to the end: {}", failed.join(", ")).into()),
    }
}

async fn one_part(part: Part, arguments: &Arguments, document: &mut Document) -> Result<()> {
    let quick = arguments.quick;
    let rounds = if quick { 1 } else { 3 };
    match part {
        Part::Images => {
            let (section, value) =
                images::measure(arguments.binaries.as_deref(), if quick { 3 } else { 20 })?;
            tell(document, "images", &section, &value)?;
        }
        Part::Run => {
            let (section, value) = local::measure(if quick { 1 } else { 10 })?;
            tell(document, "run", &section, &value)?;
        }
        Part::Functions => {
            let (bars, rounds) = if quick { (20_000, 1) } else { (1_000_000, 7) };
            let (section, value) = functions::measure(&Size::minutes(1, bars), rounds).await?;
            let told = tell(document, "functions", &section, &value);
            let (tickers, sessions) = if quick { (20, 100) } else { (500, 2_520) };
            let (section, value) = panel::measure(tickers, sessions, rounds)?;
            tell(document, "panel", &section, &value)?;
            told?;
        }
        Part::Training => {
            let (sizes, rounds) = if quick { (vec![2_000], 1) } else { (vec![20_000, 100_000], 5) };
            let (sections, value) = training::measure(&sizes, rounds)?;
            document.add("training", &value)?;
            for section in sections {
                show(document, &section)?;
            }
        }
        Part::Features => {
            let sizes = match quick {
                true => vec![Size::daily(4, 500)],
                false => vec![Size::daily(30, 5_032), Size::daily(300, 5_032)],
            };
            let (section, value) = features::measure(&sizes, rounds)?;
            tell(document, "features", &section, &value)?;
        }
        Part::Backtest => {
            let sizes = match quick {
                true => vec![Size::minutes(1, 5_000), Size::daily(4, 500)],
                false => vec![Size::minutes(1, 1_000_000), Size::daily(500, 2_520)],
            };
            let (section, value) = backtest::measure(&sizes, rounds)?;
            tell(document, "backtest", &section, &value)?;
            let (section, value) = engines::measure(quick, rounds)?;
            tell(document, "engines", &section, &value)?;
        }
        Part::Scale => {
            let (section, value) = scale::measure(&scale::Series::all(quick), &folder(arguments)?)?;
            tell(document, "scale", &section, &value)?;
        }
        Part::Operator => {
            let plan = match (&arguments.objects[..], quick) {
                ([], true) => vec![(1, 1), (10, 1)],
                ([], false) => vec![(1, 4), (100, 4), (1000, 2)],
                (plan, _) => plan.to_vec(),
            };
            let systems = match &arguments.systems[..] {
                [] => &System::ALL[..],
                chosen => chosen,
            };
            for section in operator::measure(&plan, systems, document).await? {
                show(document, &section)?;
            }
        }
    }
    Ok(())
}

fn tell(document: &mut Document, name: &str, section: &Section, value: &serde_json::Value) -> Result<()> {
    show(document, section)?;
    document.add(name, value)?;
    match section.differing.len() {
        0 => Ok(()),
        differing => Err(format!("{differing} of {name} not timed").into()),
    }
}

fn show(document: &mut Document, section: &Section) -> Result<()> {
    println!("{}", section.to_text());
    document.follow(section)
}

/// Where the document lies.
fn folder(arguments: &Arguments) -> Result<PathBuf> {
    match &arguments.output {
        Some(folder) => Ok(folder.clone()),
        None => Ok(target()?.join("bench")),
    }
}

/// Cargo's target folder, of which this program lies in `PLATFORM/PROFILE` or `PROFILE`.
fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let is_target = |folder: &&std::path::Path| folder.join("CACHEDIR.TAG").is_file();
    let found = program.ancestors().find(is_target).map(ToOwned::to_owned);
    found.ok_or_else(|| "this program does not lie in Cargo's target folder: name one with --output".into())
}
