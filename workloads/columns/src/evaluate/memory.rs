//! Memory of the columns that are computed.
//!
//! Memory that a process has not touched yet is given to it page by page, at the first write: for a column of a million
//! numbers 2,048 times, which takes longer than a short function over them. Large columns therefore ask for huge pages,
//! where the kernel leaves that to programs (`madvise`, the setting of most distributions). numpy does the same, from
//! the same size on. Smaller columns do not: they would hold more memory than they fill.

/// From how many bytes on a column asks for huge pages: two of them.
const LARGE: usize = 4 << 20;

/// A column of the values of an iterator.
pub(super) fn column<T>(values: impl ExactSizeIterator<Item = T>) -> Vec<T> {
    let mut column = room(values.len());
    column.extend(values);
    column
}

/// An empty column with room for so many values.
pub(super) fn room<T>(rows: usize) -> Vec<T> {
    let mut column: Vec<T> = Vec::with_capacity(rows);
    if column.capacity().saturating_mul(size_of::<T>()) >= LARGE {
        advise(&mut column);
    }
    column
}

/// Asks for huge pages below a column; without them it is only slower.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "a look at memory by its address; what it is worth: docs/design/decisions.md")]
fn advise<T>(column: &mut Vec<T>) {
    let page = rustix::param::page_size();
    let start = column.as_mut_ptr().cast::<u8>();
    let before = start.align_offset(page);
    let Some(bytes) = (column.capacity() * size_of::<T>()).checked_sub(before) else { return };
    // SAFETY: the pages begin inside of the column's own allocation and end in it, and this advice changes no byte of
    // them.
    let advised = unsafe {
        rustix::mm::madvise(start.add(before).cast(), bytes - bytes % page, rustix::mm::Advice::LinuxHugepage)
    };
    // A kernel without huge pages refuses: the column is as good on small ones.
    advised.ok();
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_: &mut Vec<T>) {}

#[cfg(test)]
mod tests {
    use super::{LARGE, column, room};

    #[test]
    fn a_large_column_holds_what_it_is_given() {
        let rows = LARGE / size_of::<f64>() + 1;
        for rows in [0, 1, rows - 2, rows, 3 * rows + 7] {
            let values = column((0..rows).map(|row| row as f64));
            assert_eq!(values.len(), rows);
            assert!(values.iter().enumerate().all(|(row, value)| *value == row as f64));
            assert!(room::<Option<bool>>(rows).capacity() >= rows);
        }
    }
}
