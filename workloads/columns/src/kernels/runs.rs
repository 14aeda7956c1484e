//! Maximal runs of rows without a null.

use std::ops::Range;

/// The maximal ranges of rows in which no column of `columns` is null, in order.
///
/// Windows and recursions that are evaluated for each run on its own satisfy both rules for nulls at once: no
/// window contains one, and a recursion starts anew behind it.
pub(crate) fn runs<'a, const N: usize>(columns: [&'a [f64]; N]) -> impl Iterator<Item = Range<usize>> + 'a {
    let rows = columns.iter().map(|column| column.len()).min().unwrap_or(0);
    let null = move |row: usize| columns.iter().any(|column| column[row].is_nan());
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = (next..rows).find(|row| !null(*row))?;
        let end = (start..rows).find(|row| null(*row)).unwrap_or(rows);
        next = end;
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::runs;

    const N: f64 = f64::NAN;

    #[test]
    fn runs_end_at_the_nulls_of_any_column() {
        let found: Vec<_> = runs([&[N, 1.0, 2.0, N, 3.0], &[1.0, 1.0, N, N, 1.0]]).collect();
        assert_eq!(found, [1..2, 4..5]);
        assert!(runs([&[1.0, 2.0]]).eq(std::iter::once(0..2)));
        assert_eq!(runs([&[N, N]]).count(), 0);
        assert_eq!(runs([&[]]).count(), 0);
    }
}
