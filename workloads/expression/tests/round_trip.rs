//! Properties of random expressions: every well-typed one is accepted, and its canonical form is a fixed point.

use ats_expression::testing::Generator;
use ats_expression::{Kind, MAX_LENGTH, Scope, Typed, Unit, check, parse};
use proptest::prelude::*;

fn typed(source: &str) -> Typed {
    let expression = parse(source).unwrap_or_else(|error| panic!("{}", error.caret()));
    check(&expression, &Scope::new()).unwrap_or_else(|error| panic!("{}", error.caret()))
}

/// Random expressions of some depth are longer than a user may write.
fn fits(source: &str) -> bool {
    source.len() < MAX_LENGTH / 2
}

proptest! {
    #[test]
    fn canonical_form_reads_back_as_the_same_tree(source in Generator::default().any()) {
        prop_assume!(fits(&source));
        let first = typed(&source);
        let canonical = first.to_string();
        let second = typed(&canonical);
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(second.to_string(), canonical);
    }

    #[test]
    fn generators_keep_their_promise(
        plain in Generator::default().plain(),
        price in Generator::default().price(),
        volume in Generator::default().volume(),
        boolean in Generator::default().boolean(),
    ) {
        prop_assume!(fits(&plain) && fits(&price) && fits(&volume) && fits(&boolean));
        prop_assert_eq!(typed(&plain).kind(), Kind::Number);
        prop_assert!(!typed(&plain).unit().is_adjusted());
        prop_assert_eq!(typed(&price).unit(), Unit::ADJUSTED_PRICE);
        prop_assert_eq!(typed(&volume).unit(), Unit::ADJUSTED_VOLUME);
        prop_assert_eq!(typed(&boolean).kind(), Kind::Boolean);
    }

    /// A price can be compared with a price and never with a number other than 0.
    #[test]
    fn no_adjusted_price_is_compared_with_a_number(price in Generator::default().price(), number in 1..1000_u32) {
        prop_assume!(fits(&price));
        typed(&format!("({price}) > 0"));
        typed(&format!("({price}) > close"));
        let wrong = parse(&format!("({price}) > {number}")).unwrap();
        prop_assert!(check(&wrong, &Scope::new()).is_err());
    }

    #[test]
    fn any_text_gives_a_tree_or_an_error_in_the_text(source in "\\PC{0,60}") {
        if let Err(error) = parse(&source).and_then(|expression| check(&expression, &Scope::new())) {
            prop_assert!(error.span.end <= source.len(), "{:?} of {:?}", error.span, source);
            prop_assert!(source.get(error.span.clone()).is_some());
            prop_assert!(!error.caret().is_empty());
        }
    }

    #[test]
    fn any_words_of_the_language_give_a_tree_or_an_error(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "close", "raw_close", "rsi", "macd", "if", "not", "and", "or", "(", ")", ",", ".", "-", "+", "*", "/",
                "<", "==", "line", "\"SPY\"", "14", "0.5", "beta", "rank", "delay", "obv",
            ]),
            0..40,
        )
    ) {
        let source = words.join(" ");
        if let Ok(expression) = parse(&source)
            && let Ok(typed) = check(&expression, &Scope::new())
        {
            let again = check(&parse(&typed.to_string()).unwrap(), &Scope::new()).unwrap();
            prop_assert_eq!(typed, again);
        }
    }
}
