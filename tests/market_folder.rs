//! Real bars are no part of the repository: the suites that read them include this file, which finds them.

use std::io::Write;
use std::path::{Path, PathBuf};

/// The folder of market data: `ATS_MARKET_DATA`, or `shared/market-data` beside the checkout. Where there is none, a
/// line on standard error names the test that looks at nothing, past what the harness keeps of a test that passes.
///
/// # Panics
/// When `ATS_MARKET_DATA` names a folder without data; when there is none, and `ATS_TEST_MARKET_DATA` is set
/// (`required`): `.ci/run` does that.
pub(crate) fn market_data() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("ATS_MARKET_DATA").map(PathBuf::from) {
        assert!(has_bars(&named), "ATS_MARKET_DATA: {} has no us-equities-daily", named.display());
        return Some(named);
    }
    let mut beside =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|up| up.join("../shared/market-data"));
    let found = beside.find(|folder| has_bars(folder));
    if found.is_none() {
        let required = std::env::var_os("ATS_TEST_MARKET_DATA").is_some_and(|value| !value.is_empty());
        assert!(
            !required,
            "there is no market data, and ATS_TEST_MARKET_DATA is set: name its folder by ATS_MARKET_DATA"
        );
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let line = format!(
            "without market data: {}, {test}; ATS_MARKET_DATA names its folder\n",
            env!("CARGO_PKG_NAME")
        );
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    found
}

fn has_bars(folder: &Path) -> bool {
    folder.join("us-equities-daily/bars").is_dir()
}
