//! Whether what GitHub has is what is asked for.

use serde_json::Value;

/// Whether `there` has everything that `wanted` has. GitHub adds fields of its own and orders lists as it likes: of an
/// object the wanted fields count, of a list all items in any order.
#[must_use]
pub fn covers(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| there.get(name).is_some_and(|there| covers(there, value)))
        }
        (Value::Array(there), Value::Array(wanted)) => {
            let mut left: Vec<&Value> = there.iter().collect();
            there.len() == wanted.len()
                && wanted.iter().all(|one| {
                    let found = left.iter().position(|there| covers(there, one));
                    found.map(|index| left.swap_remove(index)).is_some()
                })
        }
        (there, wanted) => there == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_and_orders_of_its_own_are_no_difference() {
        let there = json!({"id": 7, "rules": [{"type": "b", "x": 1}, {"type": "a"}]});
        assert!(covers(&there, &json!({"rules": [{"type": "a"}, {"type": "b"}]})));
        assert!(!covers(&there, &json!({"rules": [{"type": "a"}]})), "a rule too many");
        assert!(!covers(&there, &json!({"rules": [{"type": "a"}, {"type": "a"}]})), "each counts once");
        assert!(!covers(&there, &json!({"rules": [{"type": "a"}, {"type": "b", "x": 2}]})));
        assert!(!covers(&there, &json!({"name": "main"})));
    }
}
