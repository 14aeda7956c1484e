//! Shared helpers of the performance tests.
