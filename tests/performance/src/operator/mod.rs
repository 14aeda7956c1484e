//! The operator beside JobSet, on one control plane: how long an object takes, what it costs the API server, memory.
//!
//! etcd, the API server and the controllers are real; the kubelet is played, and equally for both. The scheduler is
//! stopped: there is no node, and its attempts would be noise.

mod block;
mod kubelet;
mod manager;
mod objects;
mod writes;

use ats_test_cluster::{Cluster, Options};
use serde_json::json;

use crate::report::{Document, Section, Unit, mebibytes, seconds};
use crate::statistics::{Sample, Summary, interleaved, ratio, spread};
use crate::{Result, say};

pub use block::Block;
pub use objects::System;

/// How many objects at once, and how many rounds of each system.
pub type Plan = [(usize, usize)];

/// Measures. The document has every block as soon as it is done.
///
/// # Errors
/// When the control plane or a controller does not start, or an object is not done in time.
pub async fn measure(plan: &Plan, systems: &[System], document: &mut Document) -> Result<Vec<Section>> {
    say("operator: starting a control plane, installing both systems");
    let options = Options {
        // The controllers of Kubernetes write for both systems alike; their usual limits would be what is measured.
        controller_manager_flags: vec!["--kube-api-qps=5000".into(), "--kube-api-burst=10000".into()],
        ..Options::default()
    };
    let cluster = Cluster::control_plane(options).await?;
    manager::install(&cluster).await?;
    let _stopped = cluster.freeze("kube-scheduler")?;
    let logs = document.path().with_extension("logs");
    std::fs::create_dir_all(&logs)?;
    let mut left: usize = plan.iter().map(|(_, rounds)| rounds * systems.len()).sum();
    let mut blocks = Vec::new();
    for (at_once, rounds) in plan {
        for (round, order) in interleaved(systems.len(), *rounds).into_iter().enumerate() {
            for system in order.into_iter().filter_map(|index| systems.get(index)) {
                left -= 1;
                let block = block::run(&cluster, *system, *at_once, &logs, left > 0).await?;
                say(&format!(
                    "operator: {at_once} at once, round {}, {}: {} in all",
                    round + 1,
                    system.title(),
                    seconds(block.all_seconds)
                ));
                blocks.push(block);
                document.add("operator", &json!(blocks))?;
            }
        }
    }
    cluster.down().await?;
    Ok(vec![table(plan, systems, &blocks), details(systems, &blocks)])
}

fn of(blocks: &[Block], system: System, at_once: usize) -> impl Iterator<Item = &Block> {
    blocks.iter().filter(move |block| block.system == system && block.at_once == at_once)
}

/// The median of a figure over the blocks of a system.
fn figure(blocks: &[Block], system: System, at_once: usize, of_block: fn(&Block) -> f64) -> Option<Summary> {
    of(blocks, system, at_once).map(of_block).collect::<Sample>().summary()
}

fn middle(block: &Block) -> f64 {
    Sample::new(block.seconds.iter().copied()).summary().map_or(f64::NAN, |all| all.median)
}

fn writes_each(block: &Block) -> f64 {
    block.writes.values().sum::<usize>() as f64 / block.objects.max(1) as f64
}

fn cluster_writes_each(block: &Block) -> f64 {
    block.cluster_writes as f64 / block.objects.max(1) as f64
}

fn memory(block: &Block) -> f64 {
    block.peak_kib as f64 * 1024.0
}

fn cpu_each(block: &Block) -> f64 {
    block.cpu_seconds / block.objects.max(1) as f64
}

/// Name, figure, its unit and its format in the table.
type Line = (&'static str, fn(&Block) -> f64, Unit, fn(f64) -> String);

const LINES: [Line; 6] = [
    ("one object, apply to done", middle, Unit::Seconds, seconds),
    ("all objects", |block| block.all_seconds, Unit::Seconds, seconds),
    ("controller's writes an object", writes_each, Unit::Count, writes::number),
    ("all writes an object", cluster_writes_each, Unit::Count, writes::number),
    ("controller's peak memory", memory, Unit::Bytes, mebibytes),
    ("controller's CPU an object", cpu_each, Unit::Seconds, |value| format!("{:.1} ms", value * 1e3)),
];

fn table(plan: &Plan, systems: &[System], blocks: &[Block]) -> Section {
    let mut header = vec!["objects at once", "figure"];
    header.extend(systems.iter().map(|system| system.title()));
    let ours = systems.first().copied();
    let others: Vec<System> = systems.iter().skip(1).copied().collect();
    let ratios: Vec<String> = others.iter().map(|system| format!("ratio to {}", system.title())).collect();
    header.extend(ratios.iter().map(String::as_str));
    let mut section = Section::new("The operator beside JobSet", &header);
    for (at_once, _) in plan {
        for (name, of_block, unit, format) in LINES {
            let summaries: Vec<Option<Summary>> =
                systems.iter().map(|system| figure(blocks, *system, *at_once, of_block)).collect();
            let own = figure(blocks, System::Ats, *at_once, of_block);
            section.follow(format!("{at_once} at once: {name}"), unit, own);
            let mut row = vec![at_once.to_string(), name.to_owned()];
            row.extend(summaries.iter().map(|summary| spread(*summary, format)));
            row.extend(others.iter().enumerate().map(|(index, _)| {
                let first = ours.and_then(|_| summaries.first().copied().flatten());
                let second = summaries.get(index + 1).copied().flatten();
                ratio(first, second).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"))
            }));
            section.rows.push(row);
        }
    }
    section.notes = vec![
        "From before a client sends a server-side apply until that client's watch shows the condition (Ready, Completed); 16 requests at once; figures are the median over rounds (least to most), a round's figure being the median of its objects. Objects of \"1\" are applied one by one, ten a round.".to_owned(),
        format!("Rounds go there and back over the systems, each with a fresh process of the controller, a fresh namespace and one object before the measured ones. Client limits: ours has none, JobSet's is set out of reach ({} a second), kube-controller-manager 5000. Workers: the default of each (ours 8 a kind, JobSet 1). No leader election, no webhook registered, the same played kubelet, the scheduler stopped.", manager::CLIENT_QPS),
        "All writes: everything written but by the client and the kubelet, so the Job controller's, too. CPU to 10 ms a block.".to_owned(),
    ];
    section
}

/// What each system writes.
fn details(systems: &[System], blocks: &[Block]) -> Section {
    let mut section = Section::new(
        "Writes for each object",
        &["objects at once", "system", "controller's writes", "refused", "first object of a namespace"],
    );
    for system in systems {
        let Some(last) = blocks.iter().rev().find(|block| block.system == *system) else { continue };
        section.rows.push(vec![
            last.at_once.to_string(),
            system.title().to_owned(),
            writes::for_each(&last.writes, last.objects),
            last.refused.to_string(),
            writes::for_each(&last.first_writes, 1),
        ]);
    }
    section.notes = vec!["From the audit log, by user; of the last block of each system.".to_owned()];
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(system: System, seconds: &[f64], writes: usize) -> Block {
        Block {
            system,
            at_once: 2,
            objects: seconds.len(),
            seconds: seconds.to_vec(),
            all_seconds: seconds.iter().copied().fold(0.0, f64::max),
            writes: [("create jobs".to_owned(), writes)].into(),
            refused: 0,
            reads: 0,
            cluster_writes: 2 * writes,
            first_writes: [("create services".to_owned(), 1)].into(),
            peak_kib: 10 * 1024,
            cpu_seconds: 0.05,
        }
    }

    #[test]
    fn figures_are_medians_over_rounds_with_their_ratio() {
        let blocks = [
            block(System::Ats, &[0.1, 0.2, 0.3], 9),
            block(System::Ats, &[0.4, 0.4, 0.4], 9),
            block(System::JobSet, &[0.5, 0.6, 0.7], 18),
        ];
        let systems = [System::Ats, System::JobSet];
        let table = table(&[(2, 2)], &systems, &blocks);
        let row = |name: &str| table.rows.iter().find(|row| row[1] == name).unwrap()[2..].to_vec();
        // The medians of the two rounds are 0.2 and 0.4.
        assert_eq!(row("one object, apply to done"), ["300 ms (200 ms to 400 ms)", "600 ms", "0.50"]);
        assert_eq!(row("controller's writes an object"), ["3 (3 to 3)", "6", "0.50"]);
        assert_eq!(row("all writes an object")[1], "12");
        assert_eq!(row("controller's peak memory")[1..], ["10.0 MiB", "1.00"]);
        // Ours alone is followed.
        let followed = &table.figures[0];
        assert_eq!(
            (followed.name.as_str(), followed.unit),
            ("2 at once: one object, apply to done", Unit::Seconds)
        );
        assert_eq!((followed.summary.min, followed.summary.max), (0.2, 0.4));
        let details = details(&systems, &blocks);
        assert_eq!(
            details.rows[1][1..],
            ["JobSet, 2 Jobs at once", "6 create jobs", "0", "1 create services"]
        );
    }
}
