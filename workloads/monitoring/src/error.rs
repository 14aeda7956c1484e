//! What keeps the pod from serving.

/// What keeps the pod from serving.
#[derive(Debug, thiserror::Error)]
pub enum MonitoringError {
    /// No way to the API server.
    #[error(
        "the API server cannot be reached: {0}; in a cluster the pod needs its ServiceAccount's token, elsewhere a kubeconfig, or --objects with a folder"
    )]
    Client(String),
    /// A port is taken.
    #[error("port {port} cannot be served: {source}")]
    Port {
        /// The port.
        port: u16,
        /// The system's words.
        source: std::io::Error,
    },
    /// Signals cannot be heard.
    #[error("signals cannot be heard: {0}")]
    Signals(std::io::Error),
}
