//! The sample plugins, compiled in, so that one binary is enough to try them.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// A file of `plugins/`: its path there, what is in it, and its mode.
struct Packaged {
    path: &'static str,
    text: &'static str,
    mode: u32,
}

macro_rules! packaged {
    ($path:literal, $mode:literal) => {
        Packaged { path: $path, text: include_str!(concat!("../plugins/", $path)), mode: $mode }
    };
}

const FILES: &[Packaged] = &[
    packaged!("announce/README.md", 0o644),
    packaged!("announce/announce", 0o755),
    packaged!("announce/plugin.toml", 0o644),
    packaged!("clamav/README.md", 0o644),
    packaged!("clamav/plugin.toml", 0o644),
    packaged!("clamav/scan", 0o755),
    packaged!("command/README.md", 0o644),
    packaged!("command/plugin.toml", 0o644),
    packaged!("fickling/README.md", 0o644),
    packaged!("fickling/plugin.toml", 0o644),
    packaged!("fickling/scan", 0o755),
    packaged!("fickling/scan.py", 0o644),
    packaged!("github-dispatch/README.md", 0o644),
    packaged!("github-dispatch/plugin.toml", 0o644),
    packaged!("http/README.md", 0o644),
    packaged!("http/plugin.toml", 0o644),
    packaged!("jenkins/README.md", 0o644),
    packaged!("jenkins/plugin.toml", 0o644),
    packaged!("modelscan/README.md", 0o644),
    packaged!("modelscan/plugin.toml", 0o644),
    packaged!("modelscan/scan", 0o755),
    packaged!("modelscan/scan.py", 0o644),
    packaged!("pickle-imports/README.md", 0o644),
    packaged!("pickle-imports/pickle-imports", 0o755),
    packaged!("pickle-imports/pickle_imports/__init__.py", 0o644),
    packaged!("pickle-imports/pickle_imports/bounds.py", 0o644),
    packaged!("pickle-imports/pickle_imports/files.py", 0o644),
    packaged!("pickle-imports/pickle_imports/lists.py", 0o644),
    packaged!("pickle-imports/pickle_imports/scan.py", 0o644),
    packaged!("pickle-imports/pickle_imports/streams.py", 0o644),
    packaged!("pickle-imports/pickle_imports/walk.py", 0o644),
    packaged!("pickle-imports/pickle_imports/zips.py", 0o644),
    packaged!("pickle-imports/plugin.toml", 0o644),
    packaged!("picklescan/README.md", 0o644),
    packaged!("picklescan/plugin.toml", 0o644),
    packaged!("picklescan/scan", 0o755),
    packaged!("picklescan/scan.py", 0o644),
    packaged!("trivy/README.md", 0o644),
    packaged!("trivy/plugin.toml", 0o644),
    packaged!("trivy/proof.yaml", 0o644),
    packaged!("trivy/scan", 0o755),
    packaged!("yara/README.md", 0o644),
    packaged!("yara/own.yar", 0o644),
    packaged!("yara/plugin.toml", 0o644),
    packaged!("yara/scan", 0o755),
];

/// Writes them below `folder`, which may be there; none of the files may be.
pub fn unpack(folder: &Path) -> io::Result<()> {
    for file in FILES {
        let path = folder.join(file.path);
        if let Some(above) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o755).create(above)?;
        }
        let mut written = File::options().write(true).create_new(true).mode(file.mode).open(&path)?;
        written.write_all(file.text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Every file below, but for the golden ones: its text, and whether it is a program.
    fn tree(folder: &Path) -> BTreeMap<String, (String, bool)> {
        let mut found = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    folders.extend((entry.file_name() != "golden").then_some(path));
                    continue;
                }
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                let program = path.metadata().unwrap().permissions().mode() & 0o111 != 0;
                found.insert(name, (fs::read_to_string(&path).unwrap(), program));
            }
        }
        found
    }

    #[test]
    fn what_is_packaged_is_what_stands_in_the_repository() {
        let unpacked = tempfile::tempdir().unwrap();
        unpack(unpacked.path()).unwrap();
        let mut expected = tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins"));
        expected.remove("README.md").expect("the contract, which is for readers");
        assert_eq!(tree(unpacked.path()), expected);
        assert_eq!(unpack(unpacked.path()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
