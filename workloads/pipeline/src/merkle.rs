//! The digest of a set of named digests: a Merkle root, so that a subset can be proved and order does not matter.

use crate::digest::Digest;

const LEAF: &[u8] = &[0];
const NODE: &[u8] = &[1];

/// Root over (name, digest) pairs, sorted by name. A leaf is `sha256(0 | length of name | name | digest)`, a node
/// `sha256(1 | left | right)` (the prefixes keep a node from passing for a leaf, as in RFC 6962); a last odd one moves
/// up as it is. The root of nothing is the digest of nothing.
pub fn root<'a>(pairs: impl IntoIterator<Item = (&'a str, Digest)>) -> Digest {
    let mut pairs: Vec<(&str, Digest)> = pairs.into_iter().collect();
    pairs.sort_unstable();
    let mut level: Vec<Digest> = pairs
        .into_iter()
        .map(|(name, digest)| {
            let length = (name.len() as u64).to_be_bytes();
            Digest::of_parts([LEAF, &length, name.as_bytes(), digest.as_bytes()])
        })
        .collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => Digest::of_parts([NODE, left.as_bytes(), right.as_bytes()]),
                rest => rest[0],
            })
            .collect();
    }
    level.first().copied().unwrap_or_else(|| Digest::of(&[]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn order_does_not_matter_and_everything_else_does(names in proptest::collection::btree_set("[A-Z]{1,5}", 1..20), flip in any::<prop::sample::Index>()) {
            let pairs: Vec<(String, Digest)> = names.into_iter().map(|name| { let d = Digest::of(name.as_bytes()); (name, d) }).collect();
            let of = |pairs: &[(String, Digest)]| root(pairs.iter().map(|(name, digest)| (name.as_str(), *digest)));
            let mut reversed = pairs.clone();
            reversed.reverse();
            prop_assert_eq!(of(&pairs), of(&reversed));
            let mut changed = pairs.clone();
            let index = flip.index(changed.len());
            changed[index].1 = Digest::of(b"other");
            prop_assert_ne!(of(&pairs), of(&changed));
            let mut fewer = pairs.clone();
            fewer.remove(index);
            prop_assert_ne!(of(&pairs), of(&fewer));
        }
    }
}
