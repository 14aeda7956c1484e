//! The output does not depend on how the work was divided.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::{
    place::Place,
    work::{Letters, file},
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_root_depends_on_neither_shards_nor_order(
        units in proptest::collection::btree_set("[A-Z]{1,5}", 0..10),
        bad in proptest::collection::vec(any::<prop::sample::Index>(), 0..3),
        shards in 1u32..6,
        jobs in 1usize..4,
        order in Just((0u32..6).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let units: Vec<String> = units.into_iter().collect();
        let bad: BTreeSet<String> =
            bad.iter().filter(|_| !units.is_empty()).map(|index| units[index.index(units.len())].clone()).collect();
        let mut reversed = units.clone();
        reversed.reverse();
        let one = Letters { units, bad: bad.clone(), ..Letters::default() };
        let other = Letters { units: reversed, bad, ..Letters::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let expected = one.root(Place::folder().await.open()).await;
            let place = Place::folder().await;
            let file = file("run", shards);
            let mut last = None;
            for shard in order.into_iter().filter(|shard| *shard < shards) {
                last = other.run(place.open(), &file, shard, jobs).await.unwrap().digest;
            }
            prop_assert_eq!(last, Some(expected));
            Ok(())
        })?;
    }
}
