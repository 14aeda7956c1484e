//! Stage `select`: each fold's winner, the stitched predictions, the refitted model, its card. One unit.

use serde::{Deserialize, Serialize};

use super::train::TrainSpec;

/// Raised when the stage may give another output for the same spec.
///
/// 2: the card tells years, drift, a learning curve and the gain of trees. 3: the learners of stage `train` at its
/// revision 4. 4: figures have a turnover, numbers the name of their formula. 5: all trials under the model's name
/// count, and are listed.
pub const REVISION: u32 = 5;

/// Everything that decided the trials decides the winner. Gates do not: they are judged on the figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SelectSpec(pub TrainSpec);
