//! Figures as text, the one form in which a status keeps them.

/// A figure as decimal text: the fewest digits that read back as the same number, never an exponent, no negative zero.
/// Nothing is rounded, because gates are judged again on the number that is read back. A figure that is not finite has
/// no place in a status: leave it out.
pub fn text(figure: f64) -> String {
    if figure == 0.0 { "0".to_owned() } else { figure.to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_read_well() {
        let cases =
            [(0.3, "0.3"), (-0.0, "0"), (12.0, "12"), (-1.5e-7, "-0.00000015"), (1e15, "1000000000000000")];
        for (figure, expected) in cases {
            assert_eq!(text(figure), expected);
        }
    }

    proptest! {
        #[test]
        fn a_figure_reads_back(figure in any::<f64>().prop_filter("finite", |figure| figure.is_finite())) {
            let text = text(figure);
            prop_assert!(!text.contains(['e', 'E']), "{} has an exponent", text);
            prop_assert!(text.parse::<f64>() == Ok(figure), "{}", text);
        }
    }
}
