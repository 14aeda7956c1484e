//! Figures of measurements over time, and the page that shows them.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::{Deserialize, Serialize};

use crate::chart::{STYLE, line_chart};
use crate::{Error, Result};

/// One measurement, a line of the history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// When it began.
    pub at: String,
    /// Of which commit.
    pub commit: String,
    /// On which machine, and compiled how: figures of another are not compared.
    pub machine: String,
    /// What was measured.
    pub figures: Vec<Figure>,
}

/// One figure, as `make bench` writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Title of the table that it belongs to.
    pub part: String,
    /// What was measured, within that table.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// The least of all rounds.
    pub min: f64,
    /// The one in the middle.
    pub median: f64,
    /// The most.
    pub max: f64,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Nanoseconds for each bar.
    NanosecondsPerBar,
    /// Bars in a second.
    BarsPerSecond,
    /// Bytes.
    Bytes,
    /// A number of things.
    Count,
}

impl Unit {
    fn more_is_better(self) -> bool {
        self == Self::BarsPerSecond
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Seconds if value < 1.0 => format!("{:.1} ms", 1e3 * value),
            Self::Seconds => format!("{value:.2} s"),
            Self::NanosecondsPerBar => format!("{value:.2} ns/bar"),
            Self::BarsPerSecond => format!("{:.0} k bars/s", value / 1e3),
            Self::Bytes => format!("{:.1} MiB", value / f64::from(1 << 20)),
            Self::Count => format!("{value:.1}"),
        }
    }
}

impl Measured {
    /// What `make bench` wrote.
    ///
    /// # Errors
    /// When the document is none of that form, or holds no figure, or a figure that is no number.
    pub fn of_document(document: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Document {
            machine: Machine,
            #[serde(default)]
            figures: Vec<Figure>,
        }
        #[derive(Deserialize)]
        struct Machine {
            at: String,
            commit: String,
            processor: String,
            cores: usize,
            profile: String,
        }
        let Document { machine, figures } =
            serde_json::from_str(document).map_err(|error| Error::form("measurements", &error))?;
        if figures.is_empty() {
            return Err(Error::form("measurements", &"hold no figure: was `make bench` interrupted?"));
        }
        let Machine { at, commit, processor, cores, profile } = machine;
        Ok(Self { at, commit, machine: format!("{cores} x {processor}, {profile}"), figures })
    }

    /// Whether files differed from the commit: such figures belong to no commit and stay out of the history.
    #[must_use]
    pub fn is_of_no_commit(&self) -> bool {
        self.commit.ends_with("-dirty") || self.commit == "unknown"
    }

    fn figure(&self, wanted: &Figure) -> Option<&Figure> {
        self.figures.iter().find(|one| one.part == wanted.part && one.name == wanted.name)
    }
}

/// Reads a history: one measurement a line.
///
/// # Errors
/// With the number of the line that is none.
pub fn history(text: &str) -> Result<Vec<Measured>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            serde_json::from_str(line)
                .map_err(|error| Error::form(format!("history, line {}", number + 1), &error))
        })
        .collect()
}

/// The page: every figure of the last measurement, the one before on the same kind of machine, and all of them as a
/// line.
#[must_use]
pub fn page(last: &Measured, before: &[Measured]) -> String {
    let same: Vec<&Measured> = before.iter().filter(|one| one.machine == last.machine).collect();
    let mut parts: Vec<&str> = last.figures.iter().map(|figure| figure.part.as_str()).collect();
    parts.dedup();
    let page: Markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "ATS: performance" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Performance" }
                p { "Commit " code { (last.commit) } ", " (last.at) ", " (last.machine) ". Medians over rounds, with the \
                    least and the most; compared with the measurement before on a machine of this kind, of which there are "
                    (same.len()) "." }
                @for part in parts {
                    h2 { (part) }
                    table {
                        thead { tr { th {} th.number { "now" } th.number { "before" } th.number { "change" } th { "history" } } }
                        tbody {
                            @for figure in last.figures.iter().filter(|figure| figure.part == part) {
                                (row(figure, last, &same))
                            }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

fn row(figure: &Figure, last: &Measured, history: &[&Measured]) -> Markup {
    let with_it = |one: &Measured| Some((one.clone(), one.figure(figure)?.clone()));
    let found: Vec<(Measured, Figure)> = history.iter().filter_map(|one| with_it(one)).collect();
    let before = found.last().map(|(_, figure)| figure).filter(|before| before.median > 0.0);
    let points: Vec<(String, f64)> = found
        .iter()
        .map(|(one, figure)| (one, figure))
        .chain([(last, figure)])
        .map(|(one, figure)| (format!("{} {}", one.at, one.commit), figure.median))
        .collect();
    let text = |value: f64| figure.unit.text(value);
    html! {
        tr {
            td { (figure.name) }
            td.number { (text(figure.median)) br; small { (text(figure.min)) " to " (text(figure.max)) } }
            @match before {
                None => { td.number { "-" } td.number { "-" } },
                Some(before) => {
                    td.number { (text(before.median)) br; small { (text(before.min)) " to " (text(before.max)) } }
                    td class=(verdict(figure, before)) { (format!("{:+.1} %", 100.0 * (figure.median / before.median - 1.0))) }
                },
            }
            td { (line_chart(&points, text)) }
        }
    }
}

/// Better or worse only where the rounds of the two do not overlap: all else is noise.
fn verdict(now: &Figure, before: &Figure) -> &'static str {
    let (less, more) = (now.max < before.min, now.min > before.max);
    match (less, more, now.unit.more_is_better()) {
        (true, _, false) | (_, true, true) => "number better",
        (true, _, true) | (_, true, false) => "number worse",
        _ => "number",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn figure(median: f64) -> Value {
        json!({"part": "Runs", "name": "empty <store>", "unit": "seconds", "count": 3, "min": median - 0.1, "median": median, "p95": median, "max": median + 0.1})
    }

    fn document(median: f64, processor: &str) -> Value {
        json!({
            "machine": {"at": "2026-08-02T00:00:00Z", "commit": "abc", "processor": processor, "cores": 2, "profile": "release", "load": 0.1},
            "figures": [figure(median), {"part": "Images", "name": "operator", "unit": "bytes", "count": 1, "min": 1048576.0, "median": 1048576.0, "p95": 1048576.0, "max": 1048576.0}],
            "run": {"empty": []},
        })
    }

    fn measured(median: f64, processor: &str) -> Measured {
        Measured::of_document(&document(median, processor).to_string()).unwrap()
    }

    #[test]
    fn what_is_no_measurement_is_told() {
        let refused = |change: &dyn Fn(&mut Value)| {
            let mut document = document(1.0, "CPU");
            change(&mut document);
            Measured::of_document(&document.to_string()).unwrap_err().to_string()
        };
        assert!(refused(&|document| document["figures"] = json!([])).contains("hold no figure"));
        assert!(
            refused(&|document| document["figures"][0]["median"] = json!("1 s")).contains("invalid type")
        );
        assert!(refused(&|document| document["machine"] = json!({})).contains("missing field `at`"));
        assert!(Measured::of_document("[").is_err());
    }

    #[test]
    fn a_line_can_be_read_again_and_another_form_is_told_with_its_line() {
        let one = measured(1.0, "CPU");
        let line = serde_json::to_string(&one).unwrap();
        assert_eq!(history(&format!("{line}\n\n{line}\n")).unwrap(), [one.clone(), one]);
        let error = history(&format!("{line}\n{{\"at\": 1}}")).unwrap_err().to_string();
        assert!(error.starts_with("history, line 2: "), "{error}");
    }

    #[test]
    fn the_page_compares_machines_of_one_kind_only() {
        let page = page(&measured(2.5, "new"), &[measured(4.0, "old"), measured(2.0, "new")]);
        assert!(page.contains(r#"<td class="number worse">+25.0 %</td>"#), "{page}");
        assert!(page.contains("2.50 s<br><small>2.40 s to 2.60 s"), "{page}");
        assert!(page.contains("of which there are 1"), "{page}");
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(page.contains("1.0 MiB"));
    }

    #[test]
    fn rounds_that_overlap_say_nothing() {
        let of = |value: f64, unit: &str| -> Figure {
            let mut figure = figure(value);
            figure["unit"] = json!(unit);
            serde_json::from_value(figure).unwrap()
        };
        assert_eq!(verdict(&of(2.1, "seconds"), &of(2.0, "seconds")), "number");
        assert_eq!(verdict(&of(1.0, "seconds"), &of(2.0, "seconds")), "number better");
        assert_eq!(verdict(&of(1.0, "barsPerSecond"), &of(2.0, "barsPerSecond")), "number worse");
    }

    #[test]
    fn text_of_a_measurement_stays_text() {
        let mut one = measured(1.0, "CPU");
        one.commit = "<script>alert(1)</script>".to_owned();
        let page = page(&one, &[]);
        assert!(!page.contains("<script>") && page.contains("empty &lt;store&gt;"));
    }

    #[test]
    fn figures_of_changed_files_belong_to_no_commit() {
        let of =
            |commit: &str| Measured { commit: commit.to_owned(), ..measured(1.0, "CPU") }.is_of_no_commit();
        assert_eq!(["abc", "abc-dirty", "unknown"].map(of), [false, true, true]);
    }
}
