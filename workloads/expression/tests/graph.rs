//! Features of a universe: order, phases, cycles.

use ats_expression::testing::Generator;
use ats_expression::{Category, FeatureGraph, Kind, Origin, Phase};
use proptest::prelude::*;

fn names(graph: &FeatureGraph, phase: Phase) -> Vec<&str> {
    graph.phase(phase).map(|feature| feature.name.as_str()).collect()
}

#[test]
fn phases_are_sorted_whatever_the_order_of_the_list() {
    let features = [
        ("smooth_rank", "mean(momentum_rank, 5)"),
        ("momentum_rank", "rank(momentum)"),
        ("fast", "momentum > 0"),
        ("momentum", "delay(close, 21) / delay(close, 252) - 1"),
        ("market", "beta(\"SPY\", 60)"),
    ];
    let graph = FeatureGraph::new(&features, Some("mean(raw_close * raw_volume, 21) * momentum")).unwrap();
    assert_eq!(names(&graph, Phase::TimeSeries), ["momentum", "market", "fast"]);
    assert_eq!(names(&graph, Phase::CrossSectional), ["momentum_rank", "smooth_rank"]);
    assert_eq!(graph.features().len(), 5);
    assert_eq!(graph.get("fast").unwrap().typed.kind(), Kind::Boolean);
    assert_eq!(graph.get("smooth_rank").unwrap().typed.lookback(), Some(256));
    assert_eq!(graph.tickers().into_iter().map(|t| t.to_string()).collect::<Vec<_>>(), ["SPY"]);
    assert_eq!(graph.first_value(), 256);
    assert!(graph.ranking().is_some());
}

#[test]
fn an_empty_list_is_a_graph() {
    let graph = FeatureGraph::new::<&str, &str>(&[], None).unwrap();
    assert!(graph.features().is_empty() && graph.ranking().is_none());
}

/// Each cycle is told once, by its members, and only its members are blamed.
#[test]
fn two_cycles_are_two_errors() {
    let features = [("a", "b + c"), ("b", "a + 1"), ("c", "d + 1"), ("d", "c + 1"), ("e", "a + 1")];
    let errors = FeatureGraph::new(&features, Some("e + 1")).unwrap_err();
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        messages,
        ["the features use each other: a -> b -> a", "the features use each other: c -> d -> c"]
    );
    assert!(errors.iter().all(|error| error.category == Category::Cycle));
    assert_eq!(errors[1].origin, Origin::Feature { index: 2, name: "c".to_owned() });
}

#[test]
fn a_long_chain_needs_no_stack() {
    let chain: Vec<(String, String)> = (0..2000)
        .map(|n| {
            (format!("f{n}"), if n == 1999 { "rsi(close, 2)".to_owned() } else { format!("f{} + 1", n + 1) })
        })
        .collect();
    let graph = FeatureGraph::new(&chain, None).unwrap();
    assert_eq!(graph.features()[0].name.as_str(), "f1999");
}

proptest! {
    /// A feature comes after those that it uses, and time series before cross sections.
    #[test]
    fn order_holds_for_any_list(
        sources in prop::collection::vec(Generator { depth: 2, ..Generator::default() }.plain(), 1..8),
        uses in prop::collection::vec(any::<prop::sample::Index>(), 8),
        order in any::<u64>(),
    ) {
        let mut features: Vec<(String, String)> = Vec::new();
        for (at, source) in sources.iter().enumerate() {
            let source = match at {
                0 => source.clone(),
                _ => format!("f{} + ({source})", uses[at].index(at)),
            };
            features.push((format!("f{at}"), source));
        }
        let shift = usize::try_from(order % features.len() as u64).unwrap();
        features.rotate_left(shift);
        let graph = FeatureGraph::new(&features, None).unwrap();
        prop_assert_eq!(graph.features().len(), features.len());
        let mut seen = std::collections::BTreeSet::new();
        let mut last = Phase::TimeSeries;
        for feature in graph.features() {
            prop_assert!(feature.typed.features().iter().all(|used| seen.contains(used)));
            prop_assert!(last <= feature.phase);
            last = feature.phase;
            seen.insert(feature.name.clone());
        }
    }
}
