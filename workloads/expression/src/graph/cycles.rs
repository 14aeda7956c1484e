//! Cycles of a small directed graph, given as the successors of each node.

use std::collections::VecDeque;

/// The strongly connected components that contain a cycle, each sorted, ordered by their first members.
pub(super) fn components(uses: &[&[usize]]) -> Vec<Vec<usize>> {
    let reach: Vec<Vec<bool>> = (0..uses.len()).map(|from| reachable(uses, from)).collect();
    let mut placed = vec![false; uses.len()];
    let mut found = Vec::new();
    for node in 0..uses.len() {
        if placed[node] || !reach[node][node] {
            continue;
        }
        let component: Vec<usize> =
            (node..uses.len()).filter(|other| reach[node][*other] && reach[*other][node]).collect();
        for member in &component {
            placed[*member] = true;
        }
        found.push(component);
    }
    found
}

/// A shortest cycle through the first member of a component, beginning there; its end is not repeated.
pub(super) fn shortest(uses: &[&[usize]], component: &[usize]) -> Vec<usize> {
    let Some(start) = component.first().copied() else { return Vec::new() };
    let mut before: Vec<Option<usize>> = vec![None; uses.len()];
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for next in uses[node].iter().copied() {
            if next == start {
                let mut path = vec![node];
                while let Some(previous) = path.last().and_then(|last| before[*last]) {
                    path.push(previous);
                }
                path.reverse();
                return path;
            }
            if before[next].is_none() {
                before[next] = Some(node);
                queue.push_back(next);
            }
        }
    }
    Vec::new()
}

/// Which nodes a path of one edge or more leads to.
fn reachable(uses: &[&[usize]], from: usize) -> Vec<bool> {
    let mut seen = vec![false; uses.len()];
    let mut stack: Vec<usize> = uses[from].to_vec();
    while let Some(node) = stack.pop() {
        if !std::mem::replace(&mut seen[node], true) {
            stack.extend(uses[node].iter().copied());
        }
    }
    seen
}
