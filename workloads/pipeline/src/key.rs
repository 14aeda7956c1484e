//! Keys: what decides an output, hashed. Same key, same output, on every machine of one architecture.

use std::{fmt, str::FromStr};

use ats_crds::status::StageName;
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError};

/// Key of a stage or of one of its units.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StageKey(Digest);

/// A spec that has no canonical JSON (a float that is not finite), which is a defect of the caller.
#[derive(Debug, thiserror::Error)]
#[error("the spec of stage {stage} has no canonical JSON: {source}")]
pub struct KeyError {
    /// The stage.
    pub stage: StageName,
    /// The serialiser's words.
    pub source: serde_json::Error,
}

/// Everything that decides an output. Field names are part of the format: changing one changes every key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyMaterial<'a, S: Serialize> {
    stage: StageName,
    revision: u32,
    spec: &'a S,
    inputs: Vec<Digest>,
    seed: i64,
    rerun_nonce: Option<&'a str>,
}

impl StageKey {
    /// sha256 of the canonical JSON (RFC 8785) of {stage, revision, spec, sorted inputs, seed, rerunNonce}.
    ///
    /// # Errors
    /// When the spec does not serialise.
    pub fn new<S: Serialize>(
        stage: StageName,
        revision: u32,
        spec: &S,
        inputs: &[Digest],
        seed: i64,
        rerun_nonce: Option<&str>,
    ) -> Result<Self, KeyError> {
        let mut inputs = inputs.to_vec();
        inputs.sort_unstable();
        let material = KeyMaterial { stage, revision, spec, inputs, seed, rerun_nonce };
        let json =
            serde_json_canonicalizer::to_vec(&material).map_err(|source| KeyError { stage, source })?;
        Ok(Self(Digest::of(&json)))
    }

    /// The first 10 digits, for names of Jobs.
    pub fn short(&self) -> String {
        self.0.to_string().chars().take(10).collect()
    }
}

impl fmt::Display for StageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StageKey({})", self.0)
    }
}

impl FromStr for StageKey {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_the_hash_of_canonical_json() {
        let key = StageKey::new(StageName::Acquire, 1, &json!({"b": 1, "a": [0.5]}), &[], 0, None).unwrap();
        let text = r#"{"inputs":[],"rerunNonce":null,"revision":1,"seed":0,"spec":{"a":[0.5],"b":1},"stage":"acquire"}"#;
        assert_eq!(key.to_string(), Digest::of(text.as_bytes()).to_string());
    }

    proptest! {
        #[test]
        fn the_order_of_inputs_does_not_matter(mut seeds in proptest::collection::vec(any::<u64>(), 0..6)) {
            let digests: Vec<Digest> = seeds.iter().map(|seed| Digest::of(&seed.to_le_bytes())).collect();
            let key = StageKey::new(StageName::Features, 1, &json!({}), &digests, 0, None).unwrap();
            seeds.reverse();
            let digests: Vec<Digest> = seeds.iter().map(|seed| Digest::of(&seed.to_le_bytes())).collect();
            prop_assert_eq!(key, StageKey::new(StageName::Features, 1, &json!({}), &digests, 0, None).unwrap());
        }

        #[test]
        fn everything_that_decides_is_in_the_key(revision in 1u32..5, seed in 0i64..5, nonce in proptest::option::of("[a-z]{1,3}")) {
            let base = StageKey::new(StageName::Train, 9, &json!({}), &[], 9, Some("zzzz")).unwrap();
            prop_assert_ne!(base, StageKey::new(StageName::Train, revision, &json!({}), &[], 9, Some("zzzz")).unwrap());
            prop_assert_ne!(base, StageKey::new(StageName::Train, 9, &json!({}), &[], seed, Some("zzzz")).unwrap());
            prop_assert_ne!(base, StageKey::new(StageName::Train, 9, &json!({}), &[], 9, nonce.as_deref()).unwrap());
        }
    }
}
