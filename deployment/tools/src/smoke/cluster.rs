//! The API server, as a smoke test asks it.

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client, Config, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::backtest::LABEL;
use crate::{Error, Result};

/// A namespace of a cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: &'static str,
}

impl Cluster {
    /// Of the kubeconfig's current context, or of the pod that this runs in.
    ///
    /// # Errors
    /// When there is neither.
    pub async fn connect(namespace: &'static str) -> Result<Self> {
        rustls::crypto::ring::default_provider()
            .install_default()
            .map_err(|_| Error::setting("TLS", "another provider is set already"))?;
        let wrong = |error: &KubeconfigError| Error::setting("KUBECONFIG", chain(error));
        // What somebody names is meant: there is no other place to look at when it is wrong.
        let client = match Kubeconfig::from_env().map_err(|error| wrong(&error))? {
            None => Client::try_default().await,
            Some(kubeconfig) => {
                let options = KubeConfigOptions::default();
                let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
                Client::try_from(config.map_err(|error| wrong(&error))?)
            }
        };
        Ok(Self { client: client.map_err(|error| asked("the cluster", &error))?, namespace })
    }

    /// Every object of a kind that Kubernetes has.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn list<K>(&self) -> Result<Vec<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), self.namespace);
        let list = api.list(&ListParams::default()).await.map_err(|error| asked(&K::plural(&()), &error))?;
        Ok(list.items)
    }

    /// One object of a kind that Kubernetes has; nothing when it is not there.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn get<K>(&self, name: &str) -> Result<Option<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), self.namespace);
        api.get_opt(name).await.map_err(|error| asked(&K::plural(&()), &error))
    }

    fn ours(&self, kind: &str) -> Result<Api<DynamicObject>> {
        let found = kinds().into_iter().find(|resource| resource.kind == kind);
        let resource = found.ok_or_else(|| Error::form(kind, &"is no kind of ours"))?;
        Ok(Api::namespaced_with(self.client.clone(), self.namespace, &resource))
    }

    /// Every object of our kinds but those of smoke tests.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn objects(&self) -> Result<Vec<DynamicObject>> {
        let mut all = Vec::new();
        let others = ListParams::default().labels(&format!("{}!={}", LABEL.0, LABEL.1));
        for resource in kinds() {
            let list = self.ours(&resource.kind)?.list(&others).await;
            for mut object in list.map_err(|error| asked(&resource.plural, &error))? {
                object.types.get_or_insert_with(|| kube::core::TypeMeta {
                    api_version: resource.api_version.clone(),
                    kind: resource.kind.clone(),
                });
                all.push(object);
            }
        }
        Ok(all)
    }

    /// One object of ours; nothing when it is not there.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn object(&self, kind: &str, name: &str) -> Result<Option<DynamicObject>> {
        self.ours(kind)?.get_opt(name).await.map_err(|error| asked(kind, &error))
    }

    /// Makes an object of ours.
    ///
    /// # Errors
    /// When the API server refuses it, or does not answer.
    pub async fn create(&self, object: &Value) -> Result<()> {
        let object: DynamicObject =
            serde_json::from_value(object.clone()).map_err(|error| Error::form("object", &error))?;
        let kind = object.types.as_ref().map(|types| types.kind.clone()).unwrap_or_default();
        self.ours(&kind)?
            .create(&PostParams::default(), &object)
            .await
            .map_err(|error| asked(&kind, &error))?;
        Ok(())
    }

    /// Removes an object of ours; one that is not there is none to remove. It may go on for a while, see
    /// [`Cluster::object`].
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn delete(&self, kind: &str, name: &str) -> Result<()> {
        match self.ours(kind)?.delete(name, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            Err(error) => Err(asked(kind, &error)),
        }
    }

    /// Kind and name of what smoke tests made before a point in time and left, strategies first: somebody killed them.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn left_behind(&self, before: Timestamp) -> Result<Vec<(String, String)>> {
        let own = ListParams::default().labels(&format!("{}={}", LABEL.0, LABEL.1));
        let mut found = Vec::new();
        for kind in ["Strategy", "TradingUniverse"] {
            let list = self.ours(kind)?.list(&own).await.map_err(|error| asked(kind, &error))?;
            let old = list.into_iter().filter(|object| {
                object.metadata.creation_timestamp.as_ref().is_some_and(|made| made.0 < before)
            });
            found.extend(old.filter_map(|object| Some((kind.to_owned(), object.metadata.name?))));
        }
        Ok(found)
    }
}

fn kinds() -> [kube::api::ApiResource; 3] {
    [
        kube::api::ApiResource::erase::<TradingUniverse>(&()),
        kube::api::ApiResource::erase::<ModelTrainingJob>(&()),
        kube::api::ApiResource::erase::<Strategy>(&()),
    ]
}

fn asked(what: &str, error: &kube::Error) -> Error {
    Error::form(what, &chain(error))
}

/// An error with what caused it: the first line alone often says only that a request failed.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
