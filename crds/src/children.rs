//! Names and labels of what the operator makes for an object.

/// Label: kind of the owner, in lower case.
pub const LABEL_KIND: &str = "trading.ats.dev/kind";
/// Label: name of the owner.
pub const LABEL_NAME: &str = "trading.ats.dev/name";
/// Label: the stage.
pub const LABEL_STAGE: &str = "trading.ats.dev/stage";
/// Annotation: the full key of the stage.
pub const ANNOTATION_KEY: &str = "trading.ats.dev/key";
/// Annotation: the attempt that this Job is.
pub const ANNOTATION_ATTEMPT: &str = "trading.ats.dev/attempt";
/// `app.kubernetes.io/managed-by` of every child.
pub const MANAGED_BY: &str = "ats-operator";
