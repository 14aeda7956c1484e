//! Leader election with fencing. Taking the Lease and raising its epoch is one update on the resource version that was
//! read; writes stop a margin before the Lease can lapse, whether or not the API server answers; SIGTERM gives it up.

mod lease;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::{Api, Client, api::PostParams};
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{error::Error, telemetry::Metrics};
use lease::{Memory, Step};

/// Until when this replica may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Term {
    /// Another replica leads.
    None,
    /// Until then.
    Until(Instant),
    /// There is no election.
    Always,
}

/// Asked before every write.
#[derive(Debug, Clone)]
pub struct Fence(watch::Receiver<Term>);

impl Fence {
    /// A fence that is always open.
    pub fn open() -> Self {
        let (sender, receiver) = watch::channel(Term::Always);
        drop(sender);
        Self(receiver)
    }

    /// How long this replica may still write.
    ///
    /// # Errors
    /// When it is not the leader, or no longer certain of it.
    pub fn check(&self) -> Result<Option<Duration>, Error> {
        match *self.0.borrow() {
            Term::Always => Ok(None),
            Term::Until(end) => end
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
                .map(Some)
                .ok_or(Error::NotLeader),
            Term::None => Err(Error::NotLeader),
        }
    }

    /// Whether this replica leads.
    pub fn leads(&self) -> bool {
        self.check().is_ok()
    }

    /// Whether another replica leads, as far as is known. A leader that is late with its renewal is no standby yet: it
    /// may not write, and goes on once it has renewed.
    pub fn stands_by(&self) -> bool {
        matches!(*self.0.borrow(), Term::None)
    }

    /// Waits until this replica begins to lead.
    pub async fn taken(&mut self) {
        // The sender is gone when there is no election, or at the end.
        let _ = self.0.wait_for(|term| !matches!(term, Term::None)).await;
    }

    /// Waits until this replica leads no more.
    pub async fn lost(&mut self) {
        if self.0.wait_for(|term| matches!(term, Term::None)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Where the Lease is and who asks for it.
#[derive(Debug, Clone)]
pub struct Election {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease.
    pub name: String,
    /// This replica, unlike every other.
    pub identity: String,
    /// After which time a silent leader has lost the Lease.
    pub duration: Duration,
}

/// Takes part in the election until `shutdown`, then gives the Lease up. `shutdown` must come after the last write.
pub fn elect(
    client: Client,
    election: Election,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) -> (Fence, AbortOnDropHandle<()>) {
    let (sender, receiver) = watch::channel(Term::None);
    let task = tokio::spawn(async move {
        let mut campaign = Campaign {
            api: Api::namespaced(client, &election.namespace),
            retry: election.duration / 5,
            election,
            memory: Memory::default(),
            sender,
            metrics,
            held: None,
        };
        loop {
            campaign.round().await;
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(campaign.retry) => {}
            }
        }
        campaign.release().await;
    });
    (Fence(receiver), AbortOnDropHandle::new(task))
}

struct Campaign {
    api: Api<Lease>,
    election: Election,
    retry: Duration,
    memory: Memory,
    sender: watch::Sender<Term>,
    metrics: Arc<Metrics>,
    held: Option<Lease>,
}

impl Campaign {
    /// One try to take or renew the Lease.
    async fn round(&mut self) {
        // The term counts from before the request: the server may have written at any time since.
        let began = Instant::now();
        let outcome = timeout(self.retry * 2, self.attempt()).await;
        match outcome {
            Ok(Ok(Some(lease))) => {
                let end = began + self.election.duration * 2 / 3;
                if self.held.is_none() {
                    let epoch =
                        lease.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or_default();
                    tracing::info!(identity = self.election.identity, epoch, "this replica leads");
                }
                self.held = Some(lease);
                self.metrics.leader.set(1);
                self.sender.send_replace(Term::Until(end));
            }
            Ok(Ok(None)) => self.step_down("another replica holds the lease"),
            Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_already_exists() => {
                self.step_down("another replica was faster");
            }
            Ok(Err(error)) => self.expire(&error.to_string()),
            Err(_) => self.expire("the API server does not answer"),
        }
    }

    async fn attempt(&mut self) -> Result<Option<Lease>, kube::Error> {
        let lease = self.api.get_opt(&self.election.name).await?;
        let step = lease::decide(
            lease.as_ref(),
            &mut self.memory,
            &self.election.identity,
            &self.election.name,
            self.election.duration,
            (Instant::now(), Timestamp::now()),
        );
        match step {
            Step::Wait => Ok(None),
            Step::Create(lease) => self.api.create(&PostParams::default(), &lease).await.map(Some),
            Step::Replace(lease) => {
                self.api.replace(&self.election.name, &PostParams::default(), &lease).await.map(Some)
            }
        }
    }

    fn step_down(&mut self, why: &str) {
        if self.held.take().is_some() {
            tracing::warn!(why, "this replica leads no more");
        }
        self.metrics.leader.set(0);
        self.sender.send_if_modified(|term| std::mem::replace(term, Term::None) != Term::None);
    }

    /// After an unanswered try the term that was won before runs on to its end, and no further.
    fn expire(&mut self, why: &str) {
        tracing::warn!(why, "the lease could not be renewed");
        let over = match *self.sender.borrow() {
            Term::Until(end) => Instant::now() >= end,
            Term::None | Term::Always => true,
        };
        if over {
            self.step_down(why);
        }
    }

    async fn release(&mut self) {
        self.sender.send_replace(Term::None);
        self.metrics.leader.set(0);
        let Some(lease) = self.held.take() else { return };
        let given_up = lease::released(&lease);
        let parameters = PostParams::default();
        let request = self.api.replace(&self.election.name, &parameters, &given_up);
        match timeout(Duration::from_secs(3), request).await {
            Ok(Ok(_)) => tracing::info!("the lease is given up"),
            Ok(Err(error)) => tracing::warn!(%error, "the lease could not be given up; it lapses by itself"),
            Err(_) => tracing::warn!("the lease could not be given up in time; it lapses by itself"),
        }
    }
}
