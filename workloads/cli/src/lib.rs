//! The command line: the same objects without a cluster.
