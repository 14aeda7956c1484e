//! One monitoring for each namespace that has objects.

use ats_crds::TradingUniverse;
use ats_integration_tests::{Kubelet, objects::universe, place};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Service, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{Api, ResourceExt, api::DeleteParams};

#[tokio::test]
async fn it_comes_with_the_first_object_and_goes_with_the_last() {
    let place = place("monitoring").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    let deployments: Api<Deployment> = Api::namespaced(place.client.clone(), &place.namespace);
    let services: Api<Service> = Api::namespaced(place.client.clone(), &place.namespace);
    let accounts: Api<ServiceAccount> = Api::namespaced(place.client.clone(), &place.namespace);
    let bindings: Api<RoleBinding> = Api::namespaced(place.client.clone(), &place.namespace);
    place.apply(&universe("a")).await;
    place.apply(&universe("b")).await;
    let deployment = place
        .until("the monitoring", async || {
            deployments.get("ats-monitoring").await.map_err(|error| error.to_string())
        })
        .await;
    assert!(deployment.owner_references().is_empty());
    services.get("ats-monitoring").await.unwrap();
    assert_eq!(bindings.get("ats-monitoring").await.unwrap().role_ref.name, "ats-monitoring-pod");
    place.ready::<TradingUniverse>("a").await;
    place.ready::<TradingUniverse>("b").await;

    place.api::<TradingUniverse>().delete("a", &DeleteParams::background()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    deployments.get("ats-monitoring").await.expect("it stays for the other");
    place.api::<TradingUniverse>().delete("b", &DeleteParams::background()).await.unwrap();
    place
        .until("the end of the monitoring", async || {
            let deployment = deployments.get_opt("ats-monitoring").await.unwrap().is_some();
            let service = services.get_opt("ats-monitoring").await.unwrap().is_some();
            let accounts = accounts.list(&kube::api::ListParams::default()).await.unwrap().items;
            let accounts: Vec<String> =
                accounts.iter().map(ResourceExt::name_any).filter(|name| name != "default").collect();
            match (deployment, service, accounts.is_empty()) {
                (false, false, true) => Ok(()),
                left => Err(format!("{left:?} {accounts:?}")),
            }
        })
        .await;
}
