//! The monitoring of a namespace: one Deployment and its Service.

use std::collections::BTreeMap;

use ats_crds::PodTemplate;
use ats_pipeline::contract;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec},
        core::v1::{Service, ServicePort, ServiceSpec},
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use super::{
    deployment::{ANNOTATION_HASH, hash},
    labels::{self, LABEL_COMPONENT, LABEL_MANAGED_BY},
    pod::{Workload, resources},
};
use crate::{
    options::{Component, Options},
    world::accounts,
};

/// Name of the Deployment and of the Service.
pub const NAME: &str = "ats-monitoring";

/// Port of the web page.
const PAGE_PORT: u16 = 3000;

fn component() -> &'static str {
    Component::Monitoring.as_str()
}

fn selector() -> BTreeMap<String, String> {
    let mut labels = labels::common(component(), NAME);
    labels.retain(|name, _| name == LABEL_COMPONENT || name == LABEL_MANAGED_BY);
    labels
}

fn metadata(namespace: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(NAME.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels::common(component(), NAME)),
        ..ObjectMeta::default()
    }
}

/// The Deployment.
///
/// # Errors
/// When it does not serialise.
pub fn deployment(namespace: &str, options: &Options) -> Result<Deployment, serde_json::Error> {
    let (image, pull_policy) = Workload::image(&options.images, Component::Monitoring);
    let workload = Workload {
        image,
        pull_policy,
        labels: labels::common(component(), NAME),
        document: None,
        claims: Vec::new(),
        store_secret: None,
        source_secret: None,
        ledger: options.default_ledger_secret.clone(),
        ledger_optional: true,
        environment: vec![("ATS_NAMESPACE".to_owned(), namespace.to_owned())],
        account: accounts::MONITORING.to_owned(),
        api_access: true,
        page: Some(PAGE_PORT),
        restarts: true,
        // It watches and draws: a namespace with nothing to do shall not keep a quarter of a processor from stages.
        template: PodTemplate {
            resources: Some(resources("20m", "64Mi", "512Mi")),
            ..PodTemplate::default()
        },
    };
    let spec = DeploymentSpec {
        replicas: Some(1),
        selector: LabelSelector { match_labels: Some(selector()), match_expressions: None },
        template: workload.to_template(),
        ..DeploymentSpec::default()
    };
    let mut metadata = metadata(namespace);
    metadata.annotations = Some(BTreeMap::from([(ANNOTATION_HASH.to_owned(), hash(&spec)?)]));
    Ok(Deployment { metadata, spec: Some(spec), status: None })
}

/// The Service.
pub fn service(namespace: &str) -> Service {
    Service {
        metadata: metadata(namespace),
        spec: Some(ServiceSpec {
            selector: Some(selector()),
            ports: Some(vec![port("page", PAGE_PORT), port("metrics", contract::METRICS_PORT)]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

fn port(name: &str, port: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: port.into(),
        target_port: Some(IntOrString::String(name.to_owned())),
        ..ServicePort::default()
    }
}
