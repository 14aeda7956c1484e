//! When a cluster can be used.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use kube::{Api, Client};

use crate::error::Result;
use crate::process::Processes;

/// Waits for the default namespace's service account, without which no pod can be created.
pub(crate) async fn default_service_account(processes: &mut Processes, client: &Client) -> Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    processes
        .wait_until("the default service account", Duration::from_secs(60), async || {
            accounts.get("default").await.map(drop).map_err(|error| error.to_string())
        })
        .await
}

/// Waits until the node is ready and takes pods.
pub(crate) async fn node(processes: &mut Processes, client: &Client, name: &str) -> Result<()> {
    let nodes: Api<Node> = Api::all(client.clone());
    processes
        .wait_until("the node being ready", Duration::from_secs(90), async || {
            let node = nodes.get(name).await.map_err(|error| error.to_string())?;
            let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
            let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
            match ready {
                None => Err("it has no condition Ready".to_owned()),
                Some(ready) if ready.status != "True" => Err(ready.message.clone().unwrap_or_default()),
                Some(_) => match node.spec.and_then(|spec| spec.taints).unwrap_or_default().first() {
                    Some(taint) => Err(format!("it has the taint {}", taint.key)),
                    None => Ok(()),
                },
            }
        })
        .await
}
