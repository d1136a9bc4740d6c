//! Files through a small trait, so that tests can lose what was not synced and fail any call.
//!
//! Whoever writes files that must survive (snapshots, the append only file, its manifest) reaches them through a
//! [`Disk`]. [`RealDisk`] is the operating system; [`sim::SimDisk`] is a disk in memory for tests, which forgets unsynced bytes
//! and unsynced names at a crash and fails the calls it is told to fail.
//!
//! What always holds: no call allocates by a length found on the disk; [`replace`] leaves the old file or the new one under the
//! name, whatever happens and whenever. A [`RealDisk`] takes no lock, so a forked child may use it.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(test)]
pub mod sim;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// To be read; it has to be there.
    Read,
    /// To be written anew; whatever was there is gone.
    Create,
    /// To be written at its end; created if it is not there.
    Append,
    /// To be read, written in the middle or cut; it has to be there.
    Update,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    pub len: u64,
    pub is_dir: bool,
}

/// An open file. Shared between threads: every call is one system call, and the position is the file's own.
pub trait DiskFile: Send + Sync {
    /// Reads up to `buf.len()` bytes from the position on; 0 at the end.
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;
    /// Writes some of `bytes`, and says how many: a full disk takes what fits.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Moves the position to `offset` bytes from the start.
    fn seek(&self, offset: u64) -> io::Result<()>;
    /// Puts the file's bytes, and its length, onto the disk.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts the file to `len` bytes.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Tells the kernel that the file's bytes will not be read again soon. A hint: nothing depends on it.
    fn drop_cache(&self) {}
    /// Tells the kernel to begin writing these bytes to the disk, so that a later sync has less to wait for. A hint, too.
    fn write_back(&self, _from: u64, _len: u64) {}
}

/// Where files are.
pub trait Disk: Send + Sync {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives the file another name; a file of that name is replaced in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn unlink(&self, path: &Path) -> io::Result<()>;
    /// Creates one folder; an error if there is something of that name.
    fn make_dir(&self, path: &Path) -> io::Result<()>;
    /// Puts the folder's names onto the disk: after this, files created, renamed and removed in it stay so.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, in no particular order.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// What is there, or `None` if there is nothing.
    fn look(&self, path: &Path) -> io::Result<Option<Stat>> {
        match self.stat(path) {
            Ok(stat) => Ok(Some(stat)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Writes all of `bytes`. At an error some of them may have been written; the position tells how many.
pub fn write_all(file: &dyn DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The file's bytes from its position on; an error if they are more than `max`.
pub fn read_all(file: &dyn DiskFile, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(n) if bytes.len() + n > max => return Err(io::ErrorKind::FileTooLarge.into()),
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The folder a file is in.
pub fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Puts `bytes` under the name `path`: by way of `temp`, in the same folder, which is synced, renamed, and its folder synced.
pub fn replace(disk: &dyn Disk, path: &Path, temp: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = (|| {
        let file = disk.open(temp, Open::Create)?;
        write_all(&*file, bytes)?;
        file.sync_data()?;
        disk.rename(temp, path)
    })();
    if let Err(error) = written {
        let _ = disk.unlink(temp);
        return Err(error);
    }
    disk.sync_dir(folder(path))
}

/// A file of the disk as a stream, for code that reads or writes any stream.
pub struct Stream(pub Arc<dyn DiskFile>);

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The operating system's files.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

struct RealFile(fs::File);

impl DiskFile for RealFile {
    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buf)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn seek(&self, offset: u64) -> io::Result<()> {
        (&self.0).seek(SeekFrom::Start(offset)).map(drop)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|data| data.len())
    }

    fn drop_cache(&self) {
        use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
        let _ = posix_fadvise(&self.0, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }

    fn write_back(&self, from: u64, len: u64) {
        super::writeback::begin(&self.0, from, len);
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = fs::OpenOptions::new();
        match how {
            Open::Read => options.read(true),
            Open::Create => options.write(true).create(true).truncate(true),
            Open::Append => options.append(true).create(true),
            Open::Update => options.read(true).write(true),
        };
        Ok(Arc::new(RealFile(options.open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().mode(0o755).create(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        fs::metadata(path).map(|data| Stat { len: data.len(), is_dir: data.is_dir() })
    }
}

/// A name beside `path` that no server uses, for a file that is being written: `temp-<pid>.<name>`.
pub fn temp_beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(format!("temp-{}.", std::process::id()));
    name.push(path.file_name().unwrap_or_default());
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both kinds of disk have to do alike.
    fn behaves(disk: &dyn Disk, dir: &Path) {
        let sub = dir.join("sub");
        assert_eq!(disk.look(&sub).unwrap(), None);
        disk.make_dir(&sub).unwrap();
        assert_eq!(disk.make_dir(&sub).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(disk.stat(&sub).unwrap().is_dir);
        let a = sub.join("a");
        assert_eq!(disk.open(&a, Open::Read).err().unwrap().kind(), io::ErrorKind::NotFound);
        assert_eq!(disk.open(&a, Open::Update).err().unwrap().kind(), io::ErrorKind::NotFound);
        let file = disk.open(&a, Open::Append).unwrap();
        write_all(&*file, b"hello ").unwrap();
        let other = disk.open(&a, Open::Append).unwrap();
        write_all(&*other, b"world").unwrap();
        write_all(&*file, b"!").unwrap();
        assert_eq!(file.len().unwrap(), 12);
        file.sync_data().unwrap();
        let file = disk.open(&a, Open::Update).unwrap();
        assert_eq!(read_all(&*file, 100).unwrap(), b"hello world!");
        file.seek(6).unwrap();
        write_all(&*file, b"W").unwrap();
        file.truncate(11).unwrap();
        file.seek(0).unwrap();
        assert_eq!(read_all(&*file, 10).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        file.seek(0).unwrap();
        assert_eq!(read_all(&*file, 11).unwrap(), b"hello World");
        replace(disk, &a, &temp_beside(&a), b"new").unwrap();
        assert_eq!(read_all(&*disk.open(&a, Open::Read).unwrap(), 9).unwrap(), b"new");
        assert_eq!(disk.list(&sub).unwrap(), ["a"]);
        disk.rename(&a, &sub.join("b")).unwrap();
        assert_eq!(disk.list(&sub).unwrap(), ["b"]);
        assert_eq!(disk.stat(&sub.join("b")).unwrap(), Stat { len: 3, is_dir: false });
        assert_eq!(disk.unlink(&a).unwrap_err().kind(), io::ErrorKind::NotFound);
        disk.unlink(&sub.join("b")).unwrap();
        disk.sync_dir(&sub).unwrap();
        assert!(disk.list(&sub).unwrap().is_empty());
    }

    #[test]
    fn the_real_one() {
        let dir = tempfile::tempdir().unwrap();
        behaves(&RealDisk, dir.path());
    }

    #[test]
    fn the_simulated_one() {
        behaves(&*sim::SimDisk::new(), Path::new("/data"));
    }
}
