//! Several senders at once, each of which posts until it is answered, as a registry does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Client;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Daemon, Registry, answered, client, scan_request, sign};

/// Each makes a build, asks for its scan, and goes on with the next.
pub struct Senders {
    intake: watch::Sender<Intake>,
    accepted: watch::Receiver<usize>,
    unanswered: Arc<AtomicUsize>,
    full: Arc<AtomicUsize>,
    tasks: JoinSet<Vec<(i64, u64)>>,
}

/// Where to post, and whether to begin with another one.
#[derive(Clone)]
struct Intake {
    address: String,
    open: bool,
}

/// What came of it.
pub struct Sent {
    /// By delivery: the build.
    pub accepted: BTreeMap<i64, u64>,
    /// Connections that ended without an answer, or that were refused.
    pub unanswered: usize,
    /// Answers of 503.
    pub full: usize,
}

struct Sender {
    client: Client,
    registry: Arc<Registry>,
    version: String,
    intake: watch::Receiver<Intake>,
    accepted: Arc<watch::Sender<usize>>,
    unanswered: Arc<AtomicUsize>,
    full: Arc<AtomicUsize>,
}

impl Senders {
    pub fn start(senders: usize, registry: &Arc<Registry>, version: &str, daemon: &Daemon) -> Self {
        let (intake, _) = watch::channel(Intake { address: daemon.intake.clone(), open: true });
        let (count, accepted) = watch::channel(0);
        let count = Arc::new(count);
        let (unanswered, full) = (Arc::default(), Arc::default());
        let mut tasks = JoinSet::new();
        for _ in 0..senders {
            let sender = Sender {
                client: client(),
                registry: Arc::clone(registry),
                version: version.to_owned(),
                intake: intake.subscribe(),
                accepted: Arc::clone(&count),
                unanswered: Arc::clone(&unanswered),
                full: Arc::clone(&full),
            };
            tasks.spawn(sender.send());
        }
        Self { intake, accepted, unanswered, full, tasks }
    }

    /// The daemon is there now.
    pub fn moved(&self, daemon: &Daemon) {
        self.intake.send_modify(|intake| intake.address.clone_from(&daemon.intake));
    }

    pub async fn accepted(&mut self, many: usize) {
        let waited = tokio::time::timeout(super::LONG, self.accepted.wait_for(|accepted| *accepted >= many));
        waited.await.expect("the daemon accepts nothing more").unwrap();
    }

    /// No new one; what is on its way is sent until it is answered.
    pub async fn stop(self) -> Sent {
        let Self { intake, unanswered, full, tasks, .. } = self;
        intake.send_modify(|intake| intake.open = false);
        let accepted: BTreeMap<i64, u64> = tasks.join_all().await.into_iter().flatten().collect();
        Sent { accepted, unanswered: unanswered.load(Ordering::Relaxed), full: full.load(Ordering::Relaxed) }
    }
}

impl Sender {
    async fn send(mut self) -> Vec<(i64, u64)> {
        let mut sent = Vec::new();
        while self.intake.borrow().open {
            let build = self.registry.build(&self.version).await;
            let body = scan_request(&format!("build-{build}"), build);
            loop {
                let address = self.intake.borrow_and_update().address.clone();
                match self.post(&address, &body).await {
                    // 200: it was stored, and the daemon died before it could say so.
                    Ok((200 | 202, Some(id))) => {
                        sent.push((id, build));
                        self.accepted.send_modify(|accepted| *accepted += 1);
                        break;
                    }
                    Ok((503, _)) => self.full.fetch_add(1, Ordering::Relaxed),
                    Ok((status, _)) => panic!("answered {status}"),
                    Err(_) => self.unanswered.fetch_add(1, Ordering::Relaxed),
                };
                // A sender's own pause; it comes back sooner than a registry would.
                let _ = tokio::time::timeout(Duration::from_millis(50), self.intake.changed()).await;
            }
        }
        sent
    }

    async fn post(&self, address: &str, body: &[u8]) -> reqwest::Result<(u16, Option<i64>)> {
        let request =
            self.client.post(format!("http://{address}/hooks/verta")).header("Content-Type", "application/json");
        let request = sign(body).into_iter().fold(request, |request, (name, value)| request.header(name, value));
        let (status, answer) = answered(request.body(body.to_vec()).send().await?).await;
        Ok((status, answer["delivery"].as_str().and_then(|id| id.parse().ok())))
    }
}
