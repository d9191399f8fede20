//! The sample plugins, compiled in.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Path below the folder, content, mode.
const FILES: [(&str, &str, u32); 4] = [
    ("announce/announce", include_str!("../plugins/announce/announce"), 0o755),
    ("announce/plugin.toml", include_str!("../plugins/announce/plugin.toml"), 0o644),
    ("pickle-imports/pickle-imports", include_str!("../plugins/pickle-imports/pickle-imports"), 0o755),
    ("pickle-imports/plugin.toml", include_str!("../plugins/pickle-imports/plugin.toml"), 0o644),
];

/// Writes them below that folder.
pub fn unpack(folder: &Path) -> io::Result<()> {
    for (name, text, mode) in FILES {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
    }
    Ok(())
}
