//! Flags of the operator; each has an environment variable.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use ats_crds::{STORE_PATH, StoreClaim};
pub use ats_pipeline::contract::Component;
use ats_pipeline::{check, contract};
use clap::{Args, ValueEnum};

/// `NAME` or `NAME:KEY` of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey {
    /// Name of the Secret.
    pub name: String,
    /// Key inside it.
    pub key: String,
}

impl FromStr for SecretKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, key) = text.split_once(':').unwrap_or((text, "url"));
        if name.is_empty() || key.is_empty() {
            return Err(format!("{text:?} is not NAME or NAME:KEY of a Secret"));
        }
        Ok(Self { name: name.to_owned(), key: key.to_owned() })
    }
}

/// `NAME` or `NAME:MOUNT` of a PersistentVolumeClaim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim(pub StoreClaim);

impl FromStr for Claim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, mount) = text.split_once(':').unwrap_or((text, STORE_PATH));
        if name.is_empty() {
            return Err(format!(
                "{text:?} is not NAME or NAME:MOUNT of a PersistentVolumeClaim, such as artifacts:/store"
            ));
        }
        let mount_path = check::mount_path(mount, STORE_PATH)?;
        Ok(Self(StoreClaim { claim_name: name.to_owned(), mount_path }))
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person's eyes.
    Text,
}

/// Where the images are published; `make fork` writes a fork's registry here.
const IMAGE_PREFIX: &str = "ghcr.io/ats-dev/ats";

/// The images of the components.
#[derive(Debug, Clone, Args)]
pub struct Images {
    /// Registry and folder of the images: `PREFIX/COMPONENT:TAG`.
    #[arg(long, env = "ATS_IMAGE_PREFIX", default_value = IMAGE_PREFIX)]
    pub image_prefix: String,
    /// Tag of the images.
    #[arg(long, env = "ATS_IMAGE_TAG", default_value = env!("CARGO_PKG_VERSION"))]
    pub image_tag: String,
    /// Image of data acquisition, in place of prefix and tag.
    #[arg(long, env = "ATS_IMAGE_DATA_ACQUISITION")]
    pub image_data_acquisition: Option<String>,
    /// Image of feature engineering, in place of prefix and tag.
    #[arg(long, env = "ATS_IMAGE_FEATURE_ENGINEERING")]
    pub image_feature_engineering: Option<String>,
    /// Image of model training, in place of prefix and tag.
    #[arg(long, env = "ATS_IMAGE_MODEL_TRAINING")]
    pub image_model_training: Option<String>,
    /// Image of backtests and trading, in place of prefix and tag.
    #[arg(long, env = "ATS_IMAGE_TRADING_STRATEGY")]
    pub image_trading_strategy: Option<String>,
    /// Image of monitoring, in place of prefix and tag.
    #[arg(long, env = "ATS_IMAGE_MONITORING")]
    pub image_monitoring: Option<String>,
    /// When the images are pulled: Always, IfNotPresent or Never.
    #[arg(long, env = "ATS_IMAGE_PULL_POLICY", default_value = "IfNotPresent", value_parser = ["Always", "IfNotPresent", "Never"])]
    pub image_pull_policy: String,
}

impl Images {
    /// The image of a component.
    pub fn of(&self, component: Component) -> String {
        let own = match component {
            Component::DataAcquisition => &self.image_data_acquisition,
            Component::FeatureEngineering => &self.image_feature_engineering,
            Component::ModelTraining => &self.image_model_training,
            Component::TradingStrategy => &self.image_trading_strategy,
            Component::Monitoring => &self.image_monitoring,
        };
        own.clone().unwrap_or_else(|| {
            format!("{}/{}:{}", self.image_prefix.trim_end_matches('/'), component.as_str(), self.image_tag)
        })
    }
}

/// What the operator is told on its command line.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Artifact store of objects that name none: `s3://…`, `gs://…`, `az://…`.
    #[arg(long, env = "ATS_DEFAULT_STORE", value_name = "URI", conflicts_with = "default_store_claim")]
    pub default_store: Option<String>,
    /// Claim, expected in each object's namespace, that is the artifact store of objects that name none.
    #[arg(long, env = "ATS_DEFAULT_STORE_CLAIM", value_name = "NAME[:MOUNT]")]
    pub default_store_claim: Option<Claim>,
    /// Secret, expected in each object's namespace, with the settings of the default store.
    #[arg(long, env = "ATS_DEFAULT_STORE_SECRET", value_name = "NAME")]
    pub default_store_secret: Option<String>,
    /// Secret, expected in each object's namespace, with the URL of the ledger's database.
    #[arg(long, env = "ATS_DEFAULT_LEDGER_SECRET", value_name = "NAME[:KEY]")]
    pub default_ledger_secret: Option<SecretKey>,
    /// Images of the components.
    #[command(flatten)]
    pub images: Images,
    /// Namespaces to watch, separated by commas; left out: all.
    #[arg(long, env = "ATS_WATCH_NAMESPACES", value_delimiter = ',')]
    pub watch_namespaces: Vec<String>,
    /// Elect a leader, so that several replicas may run.
    #[arg(long, env = "ATS_LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_election: bool,
    /// Namespace of the leader's Lease; left out: the pod's own.
    #[arg(long, env = "ATS_LEADER_ELECTION_NAMESPACE")]
    pub leader_election_namespace: Option<String>,
    /// Name of the leader's Lease.
    #[arg(long, env = "ATS_LEADER_ELECTION_LEASE", default_value = "ats-operator")]
    pub leader_election_lease: String,
    /// Seconds after which a leader that is not heard of has lost its Lease.
    #[arg(long, env = "ATS_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(i32).range(3..=300))]
    pub lease_seconds: i32,
    /// Name of this replica in the Lease; left out: the host's name with a suffix of its own.
    #[arg(long, env = "ATS_IDENTITY")]
    pub identity: Option<String>,
    /// Address of /metrics, /healthz and /readyz.
    #[arg(long, env = "ATS_METRICS_BIND", default_value = "0.0.0.0:9090")]
    pub metrics_bind: SocketAddr,
    /// How many objects of a kind are worked on at once.
    #[arg(long, env = "ATS_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// Seconds that a request to the API server may take.
    #[arg(long, env = "ATS_API_TIMEOUT_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub api_timeout_seconds: u64,
    /// Seconds after which a finished Job is deleted.
    #[arg(long, env = "ATS_JOB_TTL_SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(i32).range(0..))]
    pub job_ttl_seconds: i32,
    /// Seconds without a heartbeat after which a trading pod is no longer trusted to run.
    #[arg(long, env = "ATS_HEARTBEAT_SECONDS", default_value_t = 90, value_parser = clap::value_parser!(i64).range(5..))]
    pub heartbeat_seconds: i64,
    /// Seconds between two writes of progress to a status.
    #[arg(long, env = "ATS_PROGRESS_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub progress_seconds: u64,
    /// Which logs the pods that the operator makes write, as `tracing` filters them; left out: each image's own default.
    #[arg(long, env = "ATS_WORKLOAD_LOG_LEVEL", value_name = "FILTER")]
    pub workload_log_level: Option<String>,
    /// Make a monitoring Deployment in each namespace that has objects.
    #[arg(long, env = "ATS_MONITORING", default_value_t = true, action = clap::ArgAction::Set)]
    pub monitoring: bool,
    /// How logs are written.
    #[arg(long, env = "ATS_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: LogFormat,
    /// Which logs are written, as `tracing` filters them.
    #[arg(long, env = "ATS_LOG_LEVEL", default_value = "info,kube=warn")]
    pub log_level: String,
}

impl Options {
    /// Variables of every pod that the operator makes: name and value.
    pub fn workload_environment(&self) -> Vec<(String, String)> {
        let level = self.workload_log_level.iter();
        level.map(|level| (contract::LOG_LEVEL_VARIABLE.to_owned(), level.clone())).collect()
    }

    /// How long a request may take.
    pub fn api_timeout(&self) -> Duration {
        Duration::from_secs(self.api_timeout_seconds)
    }
}

/// Options from a command line.
#[cfg(test)]
pub(crate) fn parsed(line: &[&str]) -> Options {
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }
    let line = std::iter::once("operator").chain(line.iter().copied());
    <Line as clap::Parser>::try_parse_from(line).unwrap().options
}

#[cfg(test)]
mod tests {
    use super::{parsed as options, *};

    #[test]
    fn an_image_of_its_own_wins_over_prefix_and_tag() {
        let options =
            options(&["--image-prefix", "registry/ats/", "--image-tag", "7", "--image-monitoring", "m:1"]);
        assert_eq!(options.images.of(Component::ModelTraining), "registry/ats/model-training:7");
        assert_eq!(options.images.of(Component::Monitoring), "m:1");
    }

    #[test]
    fn pods_log_what_the_operator_is_told() {
        assert_eq!(options(&[]).workload_environment(), []);
        let told = options(&["--workload-log-level=debug"]).workload_environment();
        assert_eq!(told, [("ATS_LOG_LEVEL".to_owned(), "debug".to_owned())]);
    }

    #[test]
    fn claims_and_secrets_have_defaults() {
        let options =
            options(&["--default-store-claim", "artifacts", "--default-ledger-secret", "ledger:dsn"]);
        assert_eq!(options.default_store_claim.unwrap().0.mount_path, "/store");
        assert_eq!(options.default_ledger_secret.unwrap().key, "dsn");
        assert!("artifacts:store".parse::<Claim>().is_err());
        assert!("artifacts:/etc/ats".parse::<Claim>().unwrap_err().contains("taken"));
    }
}
