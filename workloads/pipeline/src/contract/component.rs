//! The components, each with a binary and an image of its own.

use ats_crds::status::StageName;

/// A component that runs in an image of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Component {
    /// Bars and corporate actions.
    DataAcquisition,
    /// Features and datasets.
    FeatureEngineering,
    /// Models.
    ModelTraining,
    /// Backtests and paper trading.
    TradingStrategy,
    /// Dashboards and metrics of a namespace.
    Monitoring,
}

impl Component {
    /// The component's name in labels and images.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataAcquisition => "data-acquisition",
            Self::FeatureEngineering => "feature-engineering",
            Self::ModelTraining => "model-training",
            Self::TradingStrategy => "trading-strategy",
            Self::Monitoring => "monitoring",
        }
    }

    /// The component that does a stage.
    pub fn of_stage(stage: StageName) -> Self {
        match stage {
            StageName::Acquire => Self::DataAcquisition,
            StageName::Features | StageName::Publish => Self::FeatureEngineering,
            StageName::Train | StageName::Select => Self::ModelTraining,
            StageName::Backtest | StageName::Trade => Self::TradingStrategy,
        }
    }
}
