//! Where the demo plays: a folder, a development registry and a daemon, all gone when it is closed.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use crate::command::{Failure, configuration};
use crate::daemon::{self, Enforced, Listeners};
use crate::{emulator, packaged};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// It guards nothing: both ends are in this process.
const SECRET: &str = "a secret for the demo only";

pub(super) struct Stage {
    folder: TempDir,
    /// The registry's address, which is also that of its page.
    pub(super) registry: String,
    /// Where the daemon takes deliveries.
    pub(super) intake: String,
    pub(super) config: PathBuf,
    pub(super) client: Client,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Stage {
    pub(super) async fn open() -> Result<Self, Failure> {
        daemon::harden()?;
        let folder = tempfile::Builder::new().prefix("scanrelay-demo-").tempdir()?;
        let stop = CancellationToken::new();
        let listener = TcpListener::bind(ANY_PORT)?;
        let registry = format!("http://{}", listener.local_addr()?);
        let options = emulator::Options::default();
        let emulated = tokio::spawn({
            let stop = stop.clone();
            async move { Ok(emulator::run(listener, options, stop).await?) }
        });
        packaged::unpack(&folder.path().join("plugins"))?;
        let config = write(folder.path(), "scanrelay.toml", &written(&registry))?;
        write(folder.path(), "secret", SECRET)?;
        let loaded = configuration(&config)?;
        let listeners = Listeners::bind(&loaded).map_err(Failure::Failed)?;
        let intake = format!("http://{}", listeners.intake_address()?);
        let daemon = daemon::start(loaded, listeners, Enforced::tried().kernel()).await?;
        let worked = tokio::spawn(daemon.run(stop.clone()));
        let client = Client::new(&registry)?;
        Ok(Self { folder, registry, intake, config, client, stop, tasks: vec![worked, emulated] })
    }

    /// The webhook's secret, as the registry is told it.
    pub(super) fn secret() -> &'static str {
        SECRET
    }

    /// Drains the daemon, stops the registry, and removes the folder.
    pub(super) async fn close(self) -> Result<(), Failure> {
        self.stop.cancel();
        for task in self.tasks {
            task.await.map_err(anyhow::Error::from)??;
        }
        let path = self.folder.path().to_owned();
        self.folder.close().map_err(|error| Failure::Failed(format!("{} was not removed: {error}", path.display())))
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Failure> {
    let path = folder.join(name);
    fs::write(&path, text)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(path)
}

/// The configuration, as somebody would write it: scanners stand before the action.
fn written(registry: &str) -> String {
    format!(
        r#"plugin_path = ["plugins"]
[server]
bind = "{ANY_PORT}"
[admin]
bind = "{ANY_PORT}"
[store]
url = "sqlite:state/scanrelay.db"
[registries.verta]
kind = "verta"
url = "{registry}"
workspace = "demo"
credentials = {{ email = "scanrelay@example.com", developer_key = {{ file = "secret" }} }}
webhook = {{ secrets = [{{ file = "secret" }}] }}
[plugins.announce]
settings = {{ url = "https://models.example.com/{{model}}/{{version}}" }}
[[routes]]
on = "scan_request"
scanners = ["pickle-imports"]
[[routes]]
on = "promotion"
stage = "production"
scanners = ["pickle-imports"]
actions = ["announce"]
"#
    )
}
