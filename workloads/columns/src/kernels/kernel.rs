//! What a function of the language is: a state that is given rows one after the other.
//!
//! There is one definition of each function, its [`Kernel`]. A column is computed by giving it the rows of a segment
//! ([`column`]), a stream by giving it each bar as it comes ([`crate::stream`]): research and trading cannot differ.

/// A function of `N` columns with `M` outputs, one row at a time.
///
/// A null is NaN, in and out. Each row costs the same on average whatever the period is, except for quantiles, whose
/// window is kept sorted.
pub(crate) trait Kernel<const N: usize, const M: usize = 1>: Send {
    /// The outputs at the next row.
    fn push(&mut self, row: [f64; N]) -> [f64; M];

    /// Forgets every row: the next one is the first.
    fn restart(&mut self);

    /// Pushes the rows of `columns`, which have one length, and appends the outputs.
    fn fill(&mut self, columns: [&[f64]; N], outputs: &mut [Vec<f64>; M]) {
        let (rows, columns) = even(columns);
        let mut places = outputs.each_mut().map(|output| more(output, rows));
        for row in 0..rows {
            let values = self.push(columns.map(|column| column[row]));
            for (place, value) in places.iter_mut().zip(values) {
                place[row] = value;
            }
        }
    }
}

/// Columns cut to one length, so that a loop over them needs no check of bounds.
pub(crate) fn even<const N: usize>(columns: [&[f64]; N]) -> (usize, [&[f64]; N]) {
    let rows = columns.iter().map(|column| column.len()).min().unwrap_or(0);
    (rows, columns.map(|column| &column[..rows]))
}

/// So many more rows of an output, null until they are written.
pub(crate) fn more(output: &mut Vec<f64>, rows: usize) -> &mut [f64] {
    let filled = output.len();
    output.resize(filled + rows, f64::NAN);
    &mut output[filled..]
}

/// The sum in eight lanes, for what it says of all values at once: it is NaN when one is, and not finite when one is not.
/// (It may be either without that, where values are infinite or as large as numbers get.)
#[inline]
pub(crate) fn total(values: &[f64]) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, value) in sums.iter_mut().zip(eight) {
            *sum += value;
        }
    }
    sums.iter().chain(rest).sum()
}

/// As many more rows of an output as `values` has, which they are until they are replaced.
pub(crate) fn copied<'a>(output: &'a mut Vec<f64>, values: &[f64]) -> &'a mut [f64] {
    let filled = output.len();
    output.extend_from_slice(values);
    &mut output[filled..]
}

/// A kernel whose numbers of columns and outputs are known when the program runs.
pub(crate) trait Function: Send {
    /// The outputs at the next row; both slices have the kernel's lengths.
    fn push(&mut self, row: &[f64], outputs: &mut [f64]);
    /// See [`Kernel::restart`].
    fn restart(&mut self);
    /// See [`Kernel::fill`]; both slices have the kernel's lengths.
    fn fill(&mut self, columns: &[&[f64]], outputs: &mut [Vec<f64>]);
}

/// A kernel as a [`Function`].
struct Erased<K, const N: usize, const M: usize>(K);

impl<K: Kernel<N, M>, const N: usize, const M: usize> Function for Erased<K, N, M> {
    fn push(&mut self, row: &[f64], outputs: &mut [f64]) {
        if let Ok(row) = row.try_into() {
            outputs.copy_from_slice(&self.0.push(row));
        }
    }

    fn restart(&mut self) {
        self.0.restart();
    }

    fn fill(&mut self, columns: &[&[f64]], outputs: &mut [Vec<f64>]) {
        if let (Ok(columns), Ok(outputs)) = (columns.try_into(), outputs.try_into()) {
            self.0.fill(columns, outputs);
        }
    }
}

/// A kernel as a boxed [`Function`].
pub(crate) fn function<const N: usize, const M: usize>(
    kernel: impl Kernel<N, M> + 'static,
) -> Box<dyn Function> {
    Box::new(Erased(kernel))
}

/// The columns of a kernel with several outputs over one segment.
pub(crate) fn columns<const N: usize, const M: usize>(
    mut kernel: impl Kernel<N, M>,
    input: [&[f64]; N],
) -> [Vec<f64>; M] {
    let mut outputs = std::array::from_fn(|_| Vec::new());
    kernel.fill(input, &mut outputs);
    outputs
}

/// The column of a kernel over one segment.
pub(crate) fn column<const N: usize>(kernel: impl Kernel<N>, input: [&[f64]; N]) -> Vec<f64> {
    let [output] = columns(kernel, input);
    output
}

/// A kernel that sees only complete rows: a row with a null gives null, and what follows it starts anew. So no
/// window contains a null, and a recursion does not go on behind one.
#[derive(Debug, Clone)]
pub(crate) struct Runs<K>(pub(crate) K);

impl<const N: usize, const M: usize, K: Kernel<N, M>> Kernel<N, M> for Runs<K> {
    #[inline(always)]
    fn push(&mut self, row: [f64; N]) -> [f64; M] {
        if row.iter().any(|value| value.is_nan()) {
            self.0.restart();
            [f64::NAN; M]
        } else {
            self.0.push(row)
        }
    }

    fn restart(&mut self) {
        self.0.restart();
    }

    /// Run by run: what is inside needs no look at nulls.
    fn fill(&mut self, columns: [&[f64]; N], outputs: &mut [Vec<f64>; M]) {
        let (rows, columns) = even(columns);
        // One look at all rows that decides at none of them: nulls are rare.
        if !columns.iter().any(|column| total(column).is_nan()) {
            return self.0.fill(columns, outputs);
        }
        let null = |row: usize| columns.iter().any(|column| column[row].is_nan());
        let mut at = 0;
        while at < rows {
            let run = (at..rows).position(null).unwrap_or(rows - at);
            if run > 0 {
                self.0.fill(columns.map(|column| &column[at..at + run]), outputs);
            }
            at += run;
            let nulls = (at..rows).position(|row| !null(row)).unwrap_or(rows - at);
            if nulls > 0 {
                self.0.restart();
                for output in outputs.iter_mut() {
                    more(output, nulls);
                }
            }
            at += nulls;
        }
    }
}

/// How many rows kernels that are made of others compute at a time: what passes between them stays in the first cache.
pub(crate) const PIECE: usize = 1024;

/// What a kernel reads that is not a column itself, one row at a time.
pub(crate) trait Term<const N: usize, const M: usize>: Send {
    /// The terms at the next row.
    fn next(&mut self, row: [f64; N]) -> [f64; M];
    /// Forgets every row.
    fn restart(&mut self);

    /// The terms of many rows; `terms` are as long as the columns.
    #[inline(always)]
    fn fill(&mut self, columns: [&[f64]; N], terms: [&mut [f64]; M]) {
        let (rows, columns) = even(columns);
        let terms = terms.map(|terms| &mut terms[..rows]);
        for row in 0..rows {
            let values = self.next(columns.map(|column| column[row]));
            for m in 0..M {
                terms[m][row] = values[m];
            }
        }
    }
}

/// A kernel of terms.
#[derive(Debug, Clone)]
pub(crate) struct Of<T, K, const M: usize> {
    term: T,
    kernel: K,
    terms: [Vec<f64>; M],
}

impl<T, K, const M: usize> Of<T, K, M> {
    pub(crate) fn new(term: T, kernel: K) -> Self {
        Self { term, kernel, terms: std::array::from_fn(|_| Vec::new()) }
    }
}

impl<T: Term<N, M>, K: Kernel<M, L>, const N: usize, const M: usize, const L: usize> Kernel<N, L>
    for Of<T, K, M>
{
    #[inline]
    fn push(&mut self, row: [f64; N]) -> [f64; L] {
        self.kernel.push(self.term.next(row))
    }

    fn restart(&mut self) {
        self.term.restart();
        self.kernel.restart();
    }

    fn fill(&mut self, columns: [&[f64]; N], outputs: &mut [Vec<f64>; L]) {
        let (rows, columns) = even(columns);
        for terms in &mut self.terms {
            terms.resize(PIECE, f64::NAN);
        }
        let mut at = 0;
        while at < rows {
            let end = rows.min(at + PIECE);
            let here = columns.map(|column| &column[at..end]);
            self.term.fill(here, self.terms.each_mut().map(|terms| &mut terms[..end - at]));
            self.kernel.fill(self.terms.each_ref().map(|terms| &terms[..end - at]), outputs);
            at = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Kernel, Runs, column, total};

    /// How many rows there were, itself counted.
    struct Count(f64);

    impl Kernel<2> for Count {
        fn push(&mut self, _: [f64; 2]) -> [f64; 1] {
            self.0 += 1.0;
            [self.0]
        }

        fn restart(&mut self) {
            self.0 = 0.0;
        }
    }

    #[test]
    fn a_total_tells_of_any_value() {
        for rows in [0, 1, 7, 8, 9, 40, 41] {
            let values: Vec<f64> = (0..rows).map(f64::from).collect();
            assert_eq!(total(&values), values.iter().sum::<f64>());
            for row in 0..values.len() {
                let with = |value| {
                    let mut values = values.clone();
                    values[row] = value;
                    total(&values)
                };
                assert!(with(f64::NAN).is_nan());
                assert!(!with(f64::INFINITY).is_finite() && !with(f64::NEG_INFINITY).is_finite());
            }
        }
        // What is infinite is no null, but may look like one: runs are then found row by row.
        let x = [f64::INFINITY, f64::NEG_INFINITY, 1.0];
        assert!(total(&x).is_nan());
        assert_eq!(column(Runs(Count(0.0)), [&x, &[1.0; 3]]), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn runs_end_at_the_nulls_of_any_column() {
        const N: f64 = f64::NAN;
        let found = column(Runs(Count(0.0)), [&[N, 1.0, 2.0, N, 3.0, 4.0], &[1.0, 1.0, N, N, 1.0, 1.0]]);
        assert_eq!(format!("{found:?}"), format!("{:?}", [N, 1.0, N, N, 1.0, 2.0]));
        assert!(column(Runs(Count(0.0)), [&[], &[]]).is_empty());
    }
}
