//! Frames, Parquet, and the evaluation of expressions over columns.
