//! A real Kubernetes for tests, from binaries.
