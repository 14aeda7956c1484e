//! A week of the pipeline beside the week before, as a page.

use jiff::{SignedDuration, Timestamp};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Outcome, Run};
use crate::chart::{STYLE, line_chart};

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Figures of the runs of a week.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Week {
    /// Runs.
    pub runs: usize,
    /// Of these, that failed.
    pub failed: usize,
    /// Median time of a build, in seconds.
    pub build_seconds: Option<f64>,
    /// Tests of the last run that counted them.
    pub tests: Option<f64>,
    /// Tests that failed, over all runs.
    pub failures: u64,
    /// Percent of lines of the last run that measured them.
    pub coverage: Option<f64>,
    /// Deployments.
    pub deployments: usize,
    /// Of these, that failed.
    pub failed_deployments: usize,
    /// Median time of a deployment, in seconds.
    pub deployment_seconds: Option<f64>,
}

impl Week {
    /// Of runs that ended in the seven days up to a point in time.
    #[must_use]
    pub fn until(runs: &[Run], end: Timestamp) -> Self {
        let own: Vec<&Run> = runs.iter().filter(|run| run.at <= end && run.at > end - WEEK).collect();
        let deployments: Vec<_> = own.iter().filter_map(|run| run.deployment.as_ref()).collect();
        #[expect(clippy::cast_precision_loss, reason = "tests are fewer than 2^52")]
        let tests = own.iter().rev().find_map(|run| run.tests).map(|tests| tests.count as f64);
        Self {
            runs: own.len(),
            failed: own.iter().filter(|run| run.result == Outcome::Failure).count(),
            build_seconds: median(own.iter().map(|run| run.build_seconds).collect()),
            tests,
            failures: own.iter().filter_map(|run| run.tests).map(|tests| tests.failures).sum(),
            coverage: own.iter().rev().find_map(|run| run.coverage),
            deployments: deployments.len(),
            failed_deployments: deployments.iter().filter(|one| one.result == Outcome::Failure).count(),
            deployment_seconds: median(deployments.iter().map(|one| one.seconds).collect()),
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(f64::midpoint(*values.get(low)?, *values.get(high)?))
}

/// The page of the seven days up to a point in time.
#[must_use]
pub fn page(runs: &[Run], end: Timestamp) -> String {
    let (now, before) = (Week::until(runs, end), Week::until(runs, end - WEEK));
    let count = |value: usize| value.to_string();
    let minutes = |value: Option<f64>| {
        value.map_or_else(|| "-".to_owned(), |seconds| format!("{:.1} min", seconds / 60.0))
    };
    let percent =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1} %"));
    let whole = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |count| format!("{count:.0}"));
    let rows = [
        ("Runs", count(now.runs), count(before.runs)),
        ("Runs that failed", count(now.failed), count(before.failed)),
        ("Build, median", minutes(now.build_seconds), minutes(before.build_seconds)),
        ("Tests", whole(now.tests), whole(before.tests)),
        ("Tests that failed, in all runs", now.failures.to_string(), before.failures.to_string()),
        ("Coverage of lines", percent(now.coverage), percent(before.coverage)),
        ("Deployments", count(now.deployments), count(before.deployments)),
        ("Deployments that failed", count(now.failed_deployments), count(before.failed_deployments)),
        ("Deployment, median", minutes(now.deployment_seconds), minutes(before.deployment_seconds)),
    ];
    let label = |run: &Run| format!("{} {} {}", run.at.strftime("%Y-%m-%d %H:%M"), run.branch, run.commit);
    let points = |figure: &dyn Fn(&Run) -> Option<f64>| -> Vec<(String, f64)> {
        runs.iter().filter(|run| run.at <= end).filter_map(|run| Some((label(run), figure(run)?))).collect()
    };
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let charts: [(&str, Markup); 3] = [
        (
            "Build",
            line_chart(&points(&|run| Some(run.build_seconds / 60.0)), |value| format!("{value:.1} min")),
        ),
        ("Coverage of lines", line_chart(&points(&|run| run.coverage), |value| format!("{value:.1} %"))),
        (
            "Deployment",
            line_chart(&points(&|run| Some(run.deployment.as_ref()?.seconds / 60.0)), |value| {
                format!("{value:.1} min")
            }),
        ),
    ];
    let page: Markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "ATS: a week of the pipeline" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "A week of the pipeline" }
                p { (day(end - WEEK)) " to " (day(end)) ", beside the seven days before." }
                @if now.runs == 0 { p { "The pipeline has not run on a branch in these days." } }
                table {
                    thead { tr { th {} th.number { "this week" } th.number { "the week before" } } }
                    tbody { @for (name, now, before) in &rows { tr { td { (name) } td.number { (now) } td.number { (before) } } } }
                }
                @for (name, chart) in charts { h2 { (name) ", every run so far" } (chart) }
            }
        }
    };
    page.into_string()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{about, jobs};
    use super::*;

    fn run(at: &str, build_seconds: f64) -> Run {
        Run { at: at.parse().unwrap(), build_seconds, ..Run::of(about(), &jobs()).unwrap() }
    }

    #[test]
    fn a_week_holds_its_own_runs() {
        let end: Timestamp = "2026-08-10T00:00:00Z".parse().unwrap();
        let mut runs = vec![
            run("2026-08-03T00:00:00Z", 60.0),
            run("2026-08-03T00:00:01Z", 120.0),
            run("2026-08-09T12:00:00Z", 240.0),
            run("2026-08-10T00:00:00Z", 600.0),
            run("2026-08-10T00:00:01Z", 900.0),
        ];
        runs[2].result = Outcome::Failure;
        runs[2].deployment = None;
        let week = Week::until(&runs, end);
        assert_eq!((week.runs, week.failed, week.build_seconds), (3, 1, Some(240.0)));
        assert_eq!((week.deployments, week.deployment_seconds), (2, Some(540.0)));
        assert_eq!(Week::until(&runs, end - WEEK).runs, 1);
        assert_eq!(Week::until(&[], end), Week::default());
    }

    #[test]
    fn the_page_has_both_weeks_and_no_markup_of_strangers() {
        let end: Timestamp = "2026-08-10T00:00:00Z".parse().unwrap();
        let mut one = run("2026-08-09T00:00:00Z", 90.0);
        one.branch = "<script>alert(1)</script>".to_owned();
        let page = page(&[run("2026-08-02T00:00:00Z", 60.0), one], end);
        assert!(
            page.contains(
                "<td>Build, median</td><td class=\"number\">1.5 min</td><td class=\"number\">1.0 min</td>"
            ),
            "{page}"
        );
        assert!(page.contains("2026-08-03 to 2026-08-10") && page.matches("<svg").count() == 3);
        assert!(!page.contains("<script>"));
        assert!(super::page(&[], end).contains("has not run on a branch"));
    }
}
