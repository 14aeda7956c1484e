//! Stages features and publish: expressions over columns, selection, cross-sectional features.
