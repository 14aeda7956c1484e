//! Subexpressions that are needed more than once.

use std::collections::HashMap;
use std::sync::Arc;

use ats_expression::{Any, Boolean, Node, Number};

use super::call::Several;
use super::values::Values;

/// How often each subexpression is still needed, and the values of those that were computed.
///
/// The maps are only looked up, never walked: their order decides nothing.
pub(super) struct Memo<'e, 'i> {
    numbers: HashMap<&'e Number, Entry<Values<'i>>>,
    booleans: HashMap<&'e Boolean, Entry<Arc<Vec<Option<bool>>>>>,
    /// Outputs of functions that have several, with how many nodes read them.
    outputs: HashMap<Several<'e>, Outputs<'i>>,
}

/// The outputs of one call.
#[derive(Default)]
struct Outputs<'i> {
    /// Nodes that read one of them.
    entry: Entry<Vec<Values<'i>>>,
    /// Places of those that are read.
    read: Vec<usize>,
}

struct Entry<T> {
    /// How many readers have not read yet.
    readers: usize,
    values: Option<T>,
}

impl<T> Default for Entry<T> {
    fn default() -> Self {
        Self { readers: 0, values: None }
    }
}

impl<T: Clone> Entry<T> {
    /// The values, for one reader; the last one takes them.
    fn read(&mut self) -> Option<T> {
        if self.values.is_some() {
            self.readers = self.readers.saturating_sub(1);
        }
        if self.readers == 0 { self.values.take() } else { self.values.clone() }
    }

    /// Keeps computed values if anyone but their first reader needs them.
    fn keep(&mut self, values: &T) {
        self.readers = self.readers.saturating_sub(1);
        if self.readers > 0 {
            self.values = Some(values.clone());
        }
    }
}

impl<'e, 'i> Memo<'e, 'i> {
    /// Counts the readers of every subexpression.
    pub(super) fn new(nodes: impl IntoIterator<Item = &'e Node>) -> Self {
        let mut memo = Self { numbers: HashMap::new(), booleans: HashMap::new(), outputs: HashMap::new() };
        for node in nodes {
            memo.count(Any::from(node));
        }
        memo
    }

    /// Counts one more reader of a node and, for its first one, those of what it is made of.
    pub(super) fn count(&mut self, part: Any<'e>) {
        let readers = match part {
            Any::Number(number) => &mut self.numbers.entry(number).or_default().readers,
            Any::Boolean(boolean) => &mut self.booleans.entry(boolean).or_default().readers,
        };
        *readers += 1;
        if *readers > 1 {
            return;
        }
        if let Any::Number(number) = part {
            if let Some((several, output)) = Several::of(number) {
                let outputs = self.outputs.entry(several).or_default();
                outputs.read.push(output);
                outputs.entry.readers += 1;
                if outputs.entry.readers > 1 {
                    return;
                }
            }
            // The values of these are an input: what they are made of is not evaluated here.
            if matches!(number, Number::CrossSection { .. } | Number::Winsorize { .. }) {
                return;
            }
        }
        for child in part.children() {
            self.count(child);
        }
    }

    pub(super) fn number(&mut self, number: &Number) -> Option<Values<'i>> {
        self.numbers.get_mut(number)?.read()
    }

    pub(super) fn keep_number(&mut self, number: &Number, values: &Values<'i>) {
        if let Some(entry) = self.numbers.get_mut(number) {
            entry.keep(values);
        }
    }

    pub(super) fn boolean(&mut self, boolean: &Boolean) -> Option<Arc<Vec<Option<bool>>>> {
        self.booleans.get_mut(boolean)?.read()
    }

    pub(super) fn keep_boolean(&mut self, boolean: &Boolean, values: &Arc<Vec<Option<bool>>>) {
        if let Some(entry) = self.booleans.get_mut(boolean) {
            entry.keep(values);
        }
    }

    /// Whether anyone reads an output of a call.
    pub(super) fn is_read(&self, several: &Several<'e>, output: usize) -> bool {
        self.outputs.get(several).is_none_or(|outputs| outputs.read.contains(&output))
    }

    pub(super) fn outputs(&mut self, several: &Several<'e>) -> Option<Vec<Values<'i>>> {
        self.outputs.get_mut(several)?.entry.read()
    }

    /// Keeps the outputs of a call; those that nobody reads may be anything.
    pub(super) fn keep_outputs(&mut self, several: &Several<'e>, values: &Vec<Values<'i>>) {
        if let Some(outputs) = self.outputs.get_mut(several) {
            outputs.entry.keep(values);
        }
    }
}
