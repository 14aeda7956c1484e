//! Names of children.

use ats_crds::status::StageName;
use ats_pipeline::{Digest, StageKey};

/// Characters of the object's name that stand in the name of a Job.
const OBJECT: usize = 20;

/// `<object, 20>-<stage>-<key, 10>-<attempt>`: at most 52 characters, and the same for the same work, so that a request
/// sent twice makes one Job. Dots become dashes: an indexed pod's host name has none.
pub fn job(object: &str, stage: StageName, key: &StageKey, attempt: i32) -> String {
    format!("{}-{stage}-{}-{attempt}", short(object), key.short())
}

/// The object's name, or its beginning with a few digits of its hash: two long names with one beginning stay apart.
fn short(object: &str) -> String {
    let plain = object.replace('.', "-");
    if plain.len() <= OBJECT && plain == object {
        return plain;
    }
    let hash: String = Digest::of(object.as_bytes()).to_string().chars().take(4).collect();
    let head: String = plain.chars().take(OBJECT - 5).collect();
    format!("{}-{hash}", head.trim_end_matches('-'))
}

/// The Deployment of a strategy that trades.
pub fn trade(object: &str) -> String {
    format!("{object}-trade")
}

/// The ConfigMap in which a trading pod writes its state.
pub fn state(object: &str) -> String {
    format!("{object}-state")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> StageKey {
        StageKey::new(StageName::Backtest, 1, &0, &[], 0, None).unwrap()
    }

    #[test]
    fn a_short_name_stands_as_it_is() {
        let name = job("us-large-caps", StageName::Acquire, &key(), 2);
        assert_eq!(name, format!("us-large-caps-acquire-{}-2", key().short()));
    }

    #[test]
    fn long_names_with_one_beginning_stay_apart() {
        let [a, b] = ["us-large-caps-momentum-a", "us-large-caps-momentum-b"]
            .map(|object| job(object, StageName::Backtest, &key(), 1));
        assert_ne!(a, b);
    }

    proptest! {
        #[test]
        fn every_name_is_a_label_of_at_most_52(object in "[a-z0-9]([-a-z0-9.]{0,38}[a-z0-9])?", attempt in 1i32..100_000) {
            for stage in [StageName::Acquire, StageName::Features, StageName::Backtest] {
                let name = job(&object, stage, &key(), attempt);
                prop_assert!(name.len() <= 52, "{name}");
                prop_assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
                prop_assert!(!name.starts_with('-'));
            }
        }
    }
}
