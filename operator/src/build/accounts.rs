//! ServiceAccounts of workloads and their bindings to fixed ClusterRoles.

use k8s_openapi::{
    api::{
        core::v1::ServiceAccount,
        rbac::v1::{RoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::labels;

/// A ServiceAccount in a namespace, shared by all objects there.
pub fn account(namespace: &str, name: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(namespace, name),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}

/// Its binding to the ClusterRole of the same name with `-pod`, the only roles that the operator may bind.
pub fn binding(namespace: &str, name: &str) -> RoleBinding {
    RoleBinding {
        metadata: metadata(namespace, name),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: format!("{name}-pod"),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: name.to_owned(),
            namespace: Some(namespace.to_owned()),
            api_group: None,
        }]),
    }
}

fn metadata(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels::common("service-account", name)),
        ..ObjectMeta::default()
    }
}
