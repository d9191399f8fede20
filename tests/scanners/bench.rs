//! The tools, a configuration for their plugins as an operator would write it, and runs of them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where `tests/install` puts what it installs for the tests alone.
pub fn installed(environment: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    cache.expect("HOME is set").join("scanrelay-tests").join(environment).join("bin")
}

const MODELSCAN: &str = "modelscan-0.8.8";
const PICKLESCAN: &str = "picklescan-1.0.5";
const FICKLING: &str = "fickling-0.1.12";
const TRIVY: &str = "trivy-0.76.0.1";

/// `PATH` with a folder before all others.
pub fn path_with(folder: &Path) -> String {
    let path = std::env::var("PATH").expect("PATH is set");
    format!("{}:{path}", folder.display())
}

/// Trivy's folder: in `PATH`, or where `tests/install` could install it.
pub fn trivy() -> Option<PathBuf> {
    let path = std::env::var("PATH").expect("PATH is set");
    let mut folders = std::env::split_paths(&path).chain([installed(TRIVY)]);
    folders.find(|folder| folder.join("trivy").is_file())
}

pub struct Bench {
    folder: TempDir,
}

/// What came of a run: its conclusion, or why there is none.
pub struct Tried {
    pub said: Value,
}

impl Tried {
    pub fn verdict(&self) -> &str {
        self.said["conclusion"]["verdict"].as_str().unwrap_or("error")
    }

    pub fn summary(&self) -> &str {
        self.said["conclusion"]["summary"].as_str().unwrap_or_default()
    }

    /// `SEVERITY ID LOCATION` of each finding.
    pub fn findings(&self) -> Vec<String> {
        let found = self.said["conclusion"]["findings"].as_array().into_iter().flatten();
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        found.map(|row| ["severity", "id", "location"].map(|key| text(row, key)).join(" ")).collect()
    }

    pub fn log(&self) -> &str {
        self.said["log"].as_str().unwrap_or_default()
    }
}

impl Bench {
    /// With a database and rules of our own.
    pub fn new() -> Self {
        for (environment, program) in [(MODELSCAN, "modelscan"), (PICKLESCAN, "picklescan"), (FICKLING, "fickling")] {
            let program = installed(environment).join(program);
            assert!(program.exists(), "{} is missing: tests/install tests", program.display());
        }
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        let database = bench.file("database");
        fs::create_dir(&database).unwrap();
        fs::write(database.join("test.ndb"), signatures()).unwrap();
        let trivy = trivy().unwrap_or_else(|| "/nowhere".into());
        bench.configure(
            "scanners",
            &format!(
                r#"[plugins.modelscan]
env = {{ PATH = "{modelscan}" }}
[plugins.picklescan]
env = {{ PATH = "{picklescan}" }}
[plugins.fickling]
env = {{ PATH = "{fickling}" }}
[plugins.clamscan]
use = "clamav"
settings = {{ database = "{database}", max_age_days = 0 }}
[plugins.clamdscan]
use = "clamav"
local_sockets = true
settings = {{ socket = "{socket}", max_age_days = 0 }}
[plugins.yara]
settings = {{ rules = "{root}/tests/scanners/rules" }}
[plugins.trivy]
env = {{ PATH = "{trivy}" }}
settings = {{ scanners = ["secret"], cache = "{cache}", max_age_days = 0 }}
"#,
                root = root().display(),
                modelscan = path_with(&installed(MODELSCAN)),
                picklescan = path_with(&installed(PICKLESCAN)),
                fickling = path_with(&installed(FICKLING)),
                database = database.display(),
                socket = bench.socket().display(),
                trivy = path_with(&trivy),
                cache = bench.file("trivy-cache").display(),
            ),
        );
        bench
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.file("clamd.sock")
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A program of that name, in a folder of its own.
    pub fn program(&self, folder: &str, name: &str, script: &str) -> PathBuf {
        fs::create_dir_all(self.file(folder)).unwrap();
        let path = self.write(&format!("{folder}/{name}"), script.as_bytes());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self.file(folder)
    }

    /// One more configuration beside that of [`Bench::new`], which is called `scanners`.
    pub fn configure(&self, name: &str, plugins: &str) {
        let text = format!("plugin_path = [\"{}/plugins\"]\n{plugins}", root().display());
        let path = self.write(&format!("{name}.toml"), text.as_bytes());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn scan(&self, plugin: &str, files: &[PathBuf]) -> Tried {
        self.run("scanners", plugin, files, None)
    }

    pub fn run(&self, config: &str, plugin: &str, files: &[PathBuf], event: Option<&Path>) -> Tried {
        let event: Vec<_> = event.iter().map(|event| ("--event", *event)).collect();
        self.run_with(config, plugin, files, &event)
    }

    pub fn run_with(&self, config: &str, plugin: &str, files: &[PathBuf], more: &[(&str, &Path)]) -> Tried {
        let mut run = self.scanrelay(config);
        run.args(["plugin", "test", plugin, "--json"]);
        run.args(files.iter().flat_map(|file| [Path::new("--file"), file]));
        run.args(more.iter().flat_map(|(option, path)| [Path::new(option), path]));
        Tried { said: said(&mut run) }
    }

    /// What `plugin list` says of that configuration.
    pub fn list(&self, config: &str) -> Vec<Value> {
        let list = said(self.scanrelay(config).args(["plugin", "list", "--json"]));
        list.as_array().unwrap().clone()
    }

    fn scanrelay(&self, config: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scanrelay"));
        command.current_dir(root()).stdin(Stdio::null()).env_remove("SCANRELAY_CONFIG");
        command.arg("--config").arg(self.file(&format!("{config}.toml")));
        command
    }
}

fn said(command: &mut Command) -> Value {
    let out = command.output().unwrap();
    serde_json::from_slice(&out.stdout)
        .unwrap_or_else(|_| panic!("{command:?}: {}", String::from_utf8_lossy(&out.stderr)))
}

/// The EICAR test file's, and one of ours, as `ClamAV` reads it, `NAME:TYPE:OFFSET:HEX`. In two parts here, since it is on every list.
fn signatures() -> String {
    let eicar = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let rows = [("Test.Eicar", eicar.as_str()), ("Test.Marked", "a file that the tests know")];
    let row = |(name, text): (&str, &str)| format!("{name}:0:*:{}\n", base16ct::lower::encode_string(text.as_bytes()));
    rows.map(row).concat()
}
