//! What the three kinds have in common for the local shell.

use ats_crds::status::{CommonStatus, HasCommonStatus};
use ats_pipeline::contract::Owner;
use kube::{Resource, ResourceExt};
use serde::Serialize;

/// An object with a status.
pub(super) trait Object: Resource<DynamicType = ()> + Serialize + Clone {
    /// Its status' type.
    type Status: HasCommonStatus + Default;

    /// Its status, made where there is none.
    fn status_mut(&mut self) -> &mut Self::Status;

    /// The shared part of its status.
    fn common_mut(&mut self) -> &mut CommonStatus {
        self.status_mut().common_mut()
    }

    /// For stage files.
    fn owner(&self) -> Owner {
        Owner {
            kind: Self::kind(&()).into_owned(),
            namespace: "default".to_owned(),
            name: self.name_any(),
            uid: None,
        }
    }

    /// For people: `TradingUniverse/us-large-caps`.
    fn title(&self) -> String {
        format!("{}/{}", Self::kind(&()), self.name_any())
    }
}

macro_rules! object {
    ($($kind:ty: $status:ty),+) => {$(
        impl Object for $kind {
            type Status = $status;

            fn status_mut(&mut self) -> &mut $status {
                self.status.get_or_insert_default()
            }
        }
    )+};
}
object!(
    ats_crds::TradingUniverse: ats_crds::status::UniverseStatus,
    ats_crds::ModelTrainingJob: ats_crds::status::ModelStatus,
    ats_crds::Strategy: ats_crds::status::StrategyStatus
);
