//! Metrics and a web page for the objects of a namespace.
