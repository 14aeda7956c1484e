//! The controller: reconciles universes, models and strategies.
