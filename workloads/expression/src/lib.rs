//! The expression language: parse, types, dependency graph.
