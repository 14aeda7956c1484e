//! Who may reach whom by the NetworkPolicies of an environment, as their definition reads: a pod that a policy selects
//! is refused everything in that direction but what some policy allows.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ats_delivery_tests::{ENVIRONMENTS, documents, kustomize};
use serde_json::Value;

type Labels = BTreeMap<&'static str, &'static str>;

/// The other end of a connection.
enum Peer {
    /// A pod of the environment.
    Here(Labels),
    /// A pod of another namespace of this name.
    Elsewhere(&'static str, Labels),
    /// An address outside the cluster.
    Address(Ipv4Addr),
}

fn ours(component: &'static str) -> Labels {
    Labels::from([("app.kubernetes.io/part-of", "ats"), ("app.kubernetes.io/component", component)])
}

fn selects(selector: &Value, labels: &Labels) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let listed = selector["matchExpressions"].as_array().into_iter().flatten();
    equal.clone().all(|(name, value)| labels.get(name.as_str()).copied() == value.as_str())
        && listed.clone().all(|one| {
            assert_eq!(one["operator"], "In", "another operator than this test knows: {one}");
            let value = labels.get(one["key"].as_str().unwrap());
            value.is_some_and(|value| one["values"].as_array().unwrap().iter().any(|known| known == value))
        })
}

fn inside(cidr: &str, address: Ipv4Addr) -> bool {
    let (network, bits) = cidr.split_once('/').expect("a network");
    let network: Ipv4Addr = network.parse().expect("an address");
    let bits: u32 = bits.parse().expect("a number of bits");
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    u32::from(network) & mask == u32::from(address) & mask
}

fn names(peer: &Value, end: &Peer) -> bool {
    match end {
        Peer::Address(address) => peer["ipBlock"]["cidr"].as_str().is_some_and(|cidr| inside(cidr, *address)),
        Peer::Here(labels) => {
            peer.get("ipBlock").is_none()
                && peer.get("namespaceSelector").is_none()
                && selects(&peer["podSelector"], labels)
        }
        Peer::Elsewhere(namespace, labels) => {
            let of = Labels::from([("kubernetes.io/metadata.name", *namespace)]);
            peer.get("namespaceSelector").is_some_and(|selector| selects(selector, &of))
                && selects(&peer["podSelector"], labels)
        }
    }
}

/// Whether a pod may be reached (`ingress`, `from`) or may reach out (`egress`, `to`).
fn allowed(policies: &[Value], direction: &str, pod: &Labels, end: &Peer, protocol: &str, port: u16) -> bool {
    let (rules, peers, kind) =
        if direction == "ingress" { ("ingress", "from", "Ingress") } else { ("egress", "to", "Egress") };
    let mut selected = false;
    for policy in policies.iter().map(|policy| &policy["spec"]) {
        let types = policy["policyTypes"].as_array().expect("types are named");
        if !types.iter().any(|one| one == kind) || !selects(&policy["podSelector"], pod) {
            continue;
        }
        selected = true;
        for rule in policy[rules].as_array().into_iter().flatten() {
            let ports = rule["ports"].as_array();
            let port = ports.is_none_or(|ports| {
                ports
                    .iter()
                    .any(|one| one["port"] == port && one["protocol"].as_str().unwrap_or("TCP") == protocol)
            });
            let peer = rule[peers].as_array().is_none_or(|peers| peers.iter().any(|peer| names(peer, end)));
            if port && peer {
                return true;
            }
        }
    }
    !selected
}

#[test]
fn who_reaches_whom() {
    let pods = [
        "operator",
        "data-acquisition",
        "feature-engineering",
        "model-training",
        "trading-strategy",
        "monitoring",
        "ledger",
    ];
    let dns = || Peer::Elsewhere("kube-system", Labels::from([("k8s-app", "kube-dns")]));
    let outside = Peer::Address(Ipv4Addr::new(203, 0, 113, 7));
    let private = Peer::Address(Ipv4Addr::new(10, 1, 2, 3));
    let mut tables = BTreeMap::new();
    for environment in ENVIRONMENTS {
        let rendered = kustomize(&format!("deployment/environments/{environment}"));
        let policies: Vec<_> = documents(environment, &rendered)
            .into_iter()
            .filter(|object| object["kind"] == "NetworkPolicy")
            .collect();
        let mut table = String::new();
        for pod in pods {
            let labels = ours(pod);
            let out = [
                ("names", dns(), "UDP", 53),
                ("API server", Peer::Address(Ipv4Addr::new(10, 96, 0, 1)), "TCP", 443),
                ("HTTPS outside", Peer::Address(Ipv4Addr::new(203, 0, 113, 7)), "TCP", 443),
                ("ledger here", Peer::Here(ours("ledger")), "TCP", 5432),
            ];
            let into = [
                ("metrics from monitoring", Peer::Elsewhere("monitoring", Labels::new()), 9090),
                ("page from ingress", Peer::Elsewhere("ingress", Labels::new()), 3000),
                ("page from here", Peer::Here(Labels::new()), 3000),
                ("ledger from trading", Peer::Here(ours("trading-strategy")), 5432),
                ("ledger from model", Peer::Here(ours("model-training")), 5432),
            ];
            let out = out.iter().filter(|(_, end, protocol, port)| {
                allowed(&policies, "egress", &labels, end, protocol, *port)
            });
            let into = into
                .iter()
                .filter(|(_, end, port)| allowed(&policies, "ingress", &labels, end, "TCP", *port));
            let out: Vec<_> = out.map(|(what, ..)| *what).collect();
            let into: Vec<_> = into.map(|(what, ..)| *what).collect();
            table += &format!("{pod}\n  out: {}\n  in: {}\n", out.join(", "), into.join(", "));
            // What nobody may.
            assert!(
                !allowed(&policies, "egress", &labels, &outside, "TCP", 5432),
                "{pod}: a database outside"
            );
            assert!(!allowed(&policies, "egress", &labels, &outside, "TCP", 80), "{pod}: plain HTTP");
            assert!(!allowed(&policies, "egress", &labels, &private, "TCP", 22), "{pod}: ssh");
            assert!(!allowed(
                &policies,
                "ingress",
                &labels,
                &Peer::Elsewhere("default", Labels::new()),
                "TCP",
                9090
            ));
            assert!(!allowed(&policies, "ingress", &labels, &outside, "TCP", 9090), "{pod}: from outside");
        }
        // A pod of nobody's has names and nothing else.
        let stranger = Labels::from([("app", "stranger")]);
        assert!(!allowed(&policies, "egress", &stranger, &outside, "TCP", 443), "{environment}");
        tables.insert(environment, table);
    }
    assert!(tables.values().all(|table| *table == tables["production"]), "the same in every environment");
    insta::assert_snapshot!(tables["production"]);
}
