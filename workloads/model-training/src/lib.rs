//! Stages train and select: labels, purged validation, models, gates.
