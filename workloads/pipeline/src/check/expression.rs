//! Expressions as problems of a spec.

use ats_crds::Reason;
use ats_expression::{ExpressionError, Kind, Scope, Typed};

use super::Problems;

/// Parses and checks an expression of a kind in a scope.
pub(super) fn typed(
    problems: &mut Problems,
    path: &str,
    source: &str,
    scope: &Scope,
    kind: Kind,
) -> Option<Typed> {
    let result =
        ats_expression::parse(source).and_then(|parsed| ats_expression::check_kind(&parsed, scope, kind));
    result.map_err(|error| add(problems, path, &error)).ok()
}

/// Adds an expression's error.
pub(super) fn add(problems: &mut Problems, path: &str, error: &ExpressionError) {
    problems.add_as(path, Reason::InvalidExpression, error.to_string());
}
