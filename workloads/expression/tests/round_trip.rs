//! Properties of random expressions: every well-typed one is accepted, its canonical form is a fixed point, and there is
//! nothing in the language that the generator does not draw.

use std::collections::BTreeSet;

use ats_expression::testing::Generator;
use ats_expression::{
    Any, Arithmetic, Boolean, Coarse, Column, Compare, Function, Kind, Logic, MAX_LENGTH, Number, Scope,
    Typed, Unit, check, parse,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

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

/// What a node is, as the language writes it: `rsi`, `macd.line`, `raw_close@1w`, `<=`. A new sort of node does not
/// compile until it has a word here, and then fails below until the generator draws it.
fn word(any: Any<'_>) -> String {
    match any {
        Any::Number(number) => match number {
            Number::Constant(_) => "a literal".to_owned(),
            Number::Column(column) => column.to_string(),
            Number::ColumnOf { column, .. } => format!("{column}@\"…\""),
            Number::CoarseColumn { column, interval } => format!("{column}@{interval}"),
            Number::Own(name) | Number::Feature(name) => format!("the name {name}"),
            Number::Negate(_) => "-x".to_owned(),
            Number::Arithmetic { operator, .. } => operator.to_string(),
            Number::If { .. } => "if".to_owned(),
            Number::Map { function, .. } => function.to_string(),
            Number::Extreme { function, .. } => function.to_string(),
            Number::Clip { .. } => "clip".to_owned(),
            Number::Window { function, .. } => function.to_string(),
            Number::Quantile { .. } => "quantile".to_owned(),
            Number::PairWindow { function, .. } => function.to_string(),
            Number::Count { .. } => "count".to_owned(),
            Number::Macd { output, .. } => format!("macd.{output}"),
            Number::Bollinger { output, .. } => format!("bollinger.{output}"),
            Number::Stochastic { output, .. } => format!("stochastic.{output}"),
            Number::Bars { function, .. } => function.to_string(),
            Number::Obv => "obv".to_owned(),
            Number::Beta { .. } => "beta".to_owned(),
            Number::Calendar(part) => part.to_string(),
            Number::CrossSection { function, .. } => function.to_string(),
            Number::Winsorize { .. } => "winsorize".to_owned(),
        },
        Any::Boolean(boolean) => match boolean {
            Boolean::Feature(name) => format!("the name {name}"),
            Boolean::Not(_) => "not".to_owned(),
            Boolean::Logic { operator, .. } => operator.to_string(),
            Boolean::Compare { operator, .. } => operator.to_string(),
            Boolean::If { .. } => "if of booleans".to_owned(),
            Boolean::Cross { direction, .. } => direction.to_string(),
        },
    }
}

/// All words of the language, by its closed lists. Names of features need a scope, which a generator has not.
fn language(generator: &Generator) -> BTreeSet<String> {
    let mut words: BTreeSet<String> = ["a literal", "-x", "not", "if of booleans"].map(str::to_owned).into();
    for function in Function::all() {
        if matches!(function, Function::CrossSection(_) | Function::Winsorize) && !generator.cross_sectional {
            continue;
        }
        let outputs = function.outputs();
        words.extend(outputs.iter().map(|output| format!("{}.{output}", function.text())));
        if outputs.is_empty() {
            words.insert(function.text().to_owned());
        }
    }
    for column in Column::ALL {
        words.insert(column.to_string());
        words.insert(format!("{column}@\"…\""));
        words.extend(Coarse::ALL.iter().map(|coarse| format!("{column}@{coarse}")));
    }
    words.extend(Arithmetic::ALL.iter().map(ToString::to_string));
    words.extend(Compare::ALL.iter().map(ToString::to_string));
    words.extend(Logic::ALL.iter().map(ToString::to_string));
    words
}

/// As the properties here, of columns and of the stages of features use it: what one of them could not draw would be
/// looked at by no property.
#[test]
fn the_generator_draws_the_whole_language() {
    for (depth, cross_sectional) in [(4, true), (3, false), (2, true)] {
        let generator = Generator { depth, cross_sectional, ..Generator::default() };
        let expressions = generator.any();
        let mut runner = TestRunner::deterministic();
        let mut found = BTreeSet::new();
        for _ in 0..4_000 {
            let source = expressions.new_tree(&mut runner).unwrap().current();
            if fits(&source) {
                Any::from(typed(&source).node()).visit(&mut |any| {
                    found.insert(word(any));
                });
            }
        }
        assert_eq!(found, language(&generator), "depth {depth}");
    }
}
