//! Arguments of `ats`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Trading universes, models and strategies as declarative objects: the YAML that `kubectl apply` reads, run here.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "ats",
    version,
    propagate_version = true,
    after_help = "Examples:
  ats validate -f config/samples
  ats run -f config/samples --map /data=config/samples/data
  ats report strategy/dip-buyer -o dip-buyer.html
  ats get trades dip-buyer
  ats compare dip-buyer ridge-weekly
  ats explain dip-buyer AAPL 2019-06-03"
)]
pub struct Arguments {
    /// Which messages are logged, as the tracing crate filters them; on standard error.
    #[arg(long, global = true, env = "ATS_LOG_LEVEL", default_value = "warn")]
    pub log_level: String,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run everything, in dependency order, in this process.
    Run(RunArguments),
    /// Check everything; run nothing.
    Validate(ValidateArguments),
    /// Show the stages, their keys, which are in the store, and what changed since the last run.
    Plan(PlanArguments),
    /// Show what the last run of an object left.
    Get(GetArguments),
    /// Write the report of a strategy's backtest as one HTML file.
    Report(ReportArguments),
    /// Write the features of a universe's dataset as one table.
    Features(FeaturesArguments),
    /// Look for leaks: features and predictions that know what they should not.
    Audit(AuditArguments),
    /// Set the backtests of strategies side by side.
    Compare(CompareArguments),
    /// Tell what is behind a strategy's decision: every value, rule, cap and fill.
    Explain(ExplainArguments),
    /// Turn ConfigMaps of strings into kustomize overlays of typed objects.
    Convert(ConvertArguments),
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Where objects come from.
#[derive(Debug, Clone, Args)]
pub struct InputArguments {
    /// YAML files, folders of them, or `-` for standard input.
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true, num_args = 1..)]
    pub files: Vec<PathBuf>,
}

/// Where this machine keeps what runs leave.
#[derive(Debug, Clone, Args)]
pub struct StateArguments {
    /// The artifact store; a folder's path or a URI.
    #[arg(long, env = "ATS_STORE", default_value = ".ats/store", value_name = "URI")]
    pub store: String,
    /// Folder of the objects' last status.
    #[arg(long, env = "ATS_STATE", default_value = ".ats/state", value_name = "DIR")]
    pub state: PathBuf,
    /// The ledger of paper strategies; a database URL.
    #[arg(long, env = "ATS_LEDGER", default_value = "sqlite://.ats/ledger.db", value_name = "URL")]
    pub ledger: String,
}

/// Arguments of `run` and `plan`.
#[derive(Debug, Clone, Args)]
pub struct RunArguments {
    /// Where objects come from.
    #[command(flatten)]
    pub input: InputArguments,
    /// Where results go.
    #[command(flatten)]
    pub state: StateArguments,
    /// Units at work at once; 0: one for each core.
    #[arg(long, env = "ATS_JOBS", default_value_t = 0)]
    pub jobs: usize,
    /// Read a path of the YAML as another one here: `--map /data=config/samples/data`.
    #[arg(long = "map", value_name = "FROM=TO", value_parser = parse_map)]
    pub maps: Vec<PathMap>,
    /// The form of the result on standard output.
    #[arg(short, long, env = "ATS_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
}

/// Arguments of `plan`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  ats plan -f config/samples --map /data=config/samples/data
  ats plan -f config/samples --store s3://ats --write-stages stages

With --write-stages each stage that can run now has DIR/COMPONENT/OBJECT-STAGE-KEY/stage.json, the document that a pod
reads. Run COMPONENT with it and leave its termination message beside it as outcome.json, then call again for the
stages that follow. Exit code 0: there are stages to run, or all objects are Ready; 1: nothing can run any more.")]
pub struct PlanArguments {
    /// What is planned.
    #[command(flatten)]
    pub run: RunArguments,
    /// Write the documents of the stages that can run now, and take in what those told that ran.
    #[arg(long, value_name = "DIR")]
    pub write_stages: Option<PathBuf>,
}

/// Arguments of `validate`.
#[derive(Debug, Clone, Args)]
pub struct ValidateArguments {
    /// Where objects come from.
    #[command(flatten)]
    pub input: InputArguments,
    /// The form of the result on standard output.
    #[arg(short, long, env = "ATS_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
}

/// What `get` shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GetWhat {
    /// Stages of an object with their keys and states.
    Stages,
    /// Files of an object's stages in the store.
    Artifacts,
    /// Trades of a strategy's backtest.
    Trades,
    /// Orders of a strategy's backtest; of a paper strategy, from the ledger.
    Orders,
    /// Open positions of a paper strategy, from the ledger.
    Positions,
    /// Equity of a strategy's backtest, by session.
    Equity,
    /// The model's card.
    Models,
}

/// Arguments of `get`.
#[derive(Debug, Clone, Args)]
pub struct GetArguments {
    /// What to show.
    #[arg(value_enum)]
    pub what: GetWhat,
    /// The object: `NAME` or `KIND/NAME`.
    pub name: String,
    /// Where results lie.
    #[command(flatten)]
    pub state: StateArguments,
    /// The form of the result.
    #[arg(short, long, env = "ATS_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
}

/// Arguments of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArguments {
    /// The strategy: `NAME` or `strategy/NAME`.
    pub name: String,
    /// The file to write; left out: standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where results lie.
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments of `features`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  ats features us-large-caps -o features.parquet
  ats features us-large-caps --ticker AAPL --ticker IBM > features.csv")]
pub struct FeaturesArguments {
    /// The universe: `NAME` or `universe/NAME`.
    pub name: String,
    /// The file to write, FILE.csv or FILE.parquet; left out: CSV on standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only this ticker; may be given several times.
    #[arg(long = "ticker", value_name = "TICKER")]
    pub tickers: Vec<String>,
    /// Where results lie.
    #[command(flatten)]
    pub state: StateArguments,
}

/// Arguments of `audit`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  ats audit us-large-caps
  ats audit us-large-caps --horizon 5 --output json")]
pub struct AuditArguments {
    /// The universe: `NAME` or `universe/NAME`.
    pub name: String,
    /// Bars that the labels span.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub horizon: u16,
    /// Decides the shuffles.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Where results lie.
    #[command(flatten)]
    pub state: StateArguments,
    /// The form of the result.
    #[arg(short, long, env = "ATS_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
}

/// Arguments of `compare`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  ats compare dip-buyer ridge-weekly
  ats compare dip-buyer ridge-weekly --all --output json")]
pub struct CompareArguments {
    /// The strategies: `NAME` or `strategy/NAME`.
    #[arg(required = true, num_args = 2..)]
    pub names: Vec<String>,
    /// Show every number, not only the usual ones.
    #[arg(long)]
    pub all: bool,
    /// Where results lie.
    #[command(flatten)]
    pub state: StateArguments,
    /// The form of the result.
    #[arg(short, long, env = "ATS_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
}

/// Arguments of `convert`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  ats convert development.yaml production.yaml --base deployment/kubernetes/base --output environments
  kubectl diff -k environments/development")]
pub struct ConvertArguments {
    /// Files of ConfigMaps, each with the keys of one environment. A key that is not understood is an error.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The kustomization that the environments share.
    #[arg(long)]
    pub base: PathBuf,
    /// Where a folder for each environment is made; none of them may be there.
    #[arg(short, long)]
    pub output: PathBuf,
    /// What the strategies do, which a ConfigMap does not say; left out: as in the base.
    #[arg(long, value_enum)]
    pub mode: Option<ConvertMode>,
}

/// What strategies do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConvertMode {
    /// Backtests.
    Backtest,
    /// Paper trading.
    Paper,
}

impl From<ConvertMode> for ats_crds::strategy::Mode {
    fn from(mode: ConvertMode) -> Self {
        match mode {
            ConvertMode::Backtest => Self::Backtest,
            ConvertMode::Paper => Self::Paper,
        }
    }
}

/// Arguments of `explain`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  ats explain dip-buyer AAPL 2019-06-03")]
pub struct ExplainArguments {
    /// The strategy: `NAME` or `strategy/NAME`.
    pub name: String,
    /// The ticker.
    pub ticker: String,
    /// The session at whose close it was decided, such as 2019-06-03.
    pub date: jiff::civil::Date,
    /// Where results lie.
    #[command(flatten)]
    pub state: StateArguments,
    /// The form of the result.
    #[arg(short, long, env = "ATS_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub output: OutputFormat,
}

/// The form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Table,
    /// For programs: objects as a `v1` List.
    Json,
    /// The same as YAML.
    Yaml,
}

/// A path of the YAML and the one that stands for it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathMap {
    /// As the YAML has it.
    pub from: String,
    /// As it is here.
    pub to: PathBuf,
}

fn parse_map(text: &str) -> Result<PathMap, String> {
    match text.split_once('=') {
        Some((from, to)) if from.starts_with('/') && !to.is_empty() => {
            Ok(PathMap { from: from.trim_end_matches('/').to_owned(), to: PathBuf::from(to) })
        }
        _ => Err("write FROM=TO with an absolute FROM, such as /data=config/samples/data".to_owned()),
    }
}
