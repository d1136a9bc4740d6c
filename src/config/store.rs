//! Replacing the configuration file so that after a crash it is the old one or the new one, whole.
//!
//! ```text
//! write  redis.conf.<random>.tmp   in the same folder, with the old file's mode
//! fsync  it, rename it over redis.conf, fsync the folder
//! ```

use super::fields::Config;
use super::rewrite::rewrite;
use crate::util::random;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Mode of a configuration file that did not exist before: it may come to hold passwords.
const NEW_FILE_MODE: u32 = 0o600;

/// Brings the configuration file up to date, or makes one. `all` writes every parameter, defaults included.
pub fn rewrite_file(path: &Path, config: &Config, all: bool) -> io::Result<()> {
    let old = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        outcome => outcome?,
    };
    replace(path, &rewrite(&old, config, all))
}

/// Puts `content` in the place of `path`. A symbolic link is followed, the file it names replaced. On error the old file is
/// untouched, and the temporary one gone.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mode = fs::metadata(&target).ok().map(|metadata| metadata.permissions().mode() & 0o7777);
    let temporary = temporary_name(&target)?;
    let outcome = write_synced(&temporary, content, mode).and_then(|()| fs::rename(&temporary, &target));
    if outcome.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    outcome?;
    File::open(folder(&target))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn temporary_name(target: &Path) -> io::Result<PathBuf> {
    let mut name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{:016x}.tmp", random::u64()));
    Ok(target.with_file_name(name))
}

fn write_synced(path: &Path, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(NEW_FILE_MODE).open(path)?;
    file.write_all(content)?;
    if let Some(mode) = mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn the_file_is_replaced_and_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("redis.conf");
        replace(&path, b"one").unwrap();
        assert_eq!(mode(&path), NEW_FILE_MODE);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"two".to_vec(), 0o640));
        rewrite_file(&path, &Config { port: 5, ..Config::default() }, false).unwrap();
        assert!(fs::read(&path).unwrap().ends_with(b"\nport 5\n"));
        let link = folder.path().join("link.conf");
        std::os::unix::fs::symlink("redis.conf", &link).unwrap();
        replace(&link, b"three").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn failure_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("is-a-folder");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, b"x").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(Path::new("/nonexistent/redis.conf"), b"x").is_err());
    }
}
