//! Files that only their owner may read, and writes that are either whole or not there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Makes a folder and those above it, for the owner alone.
///
/// # Errors
///
/// When the system refuses.
pub fn create_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Takes a folder away from everybody but its owner.
///
/// # Errors
///
/// When the system refuses, for one because the folder belongs to somebody else.
pub fn restrict_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Opens a file for reading and writing, made for the owner alone if it is not there.
///
/// # Errors
///
/// When the system refuses.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    owner_only(&mut options);
    options.open(path)
}

/// Replaces a file by one with these bytes. After a crash at any moment the file is the old one or the new one. Who
/// calls it holds the lock of the account or the home that the file belongs to: two at once would write one new file.
///
/// # Errors
///
/// When the system refuses; the file is then the old one.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_of(path);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    owner_only(&mut options);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(folder) => sync_dir(folder),
        None => Ok(()),
    }
}

/// Makes the names in a folder durable.
///
/// # Errors
///
/// When the system refuses.
pub fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Where [`write_atomically`] writes before it renames. What a crash left there is overwritten by the next write.
fn temporary_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = options;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_atomically(&path, b"a long first version").unwrap();
        write_atomically(&path, b"short").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
    }

    /// Spec 10.4: a crash before the rename leaves the old file.
    #[test]
    fn what_a_crash_left_beside_the_file_is_neither_read_nor_in_the_way() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_atomically(&path, b"first").unwrap();
        fs::write(temporary_of(&path), b"half of the seco").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write_atomically(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert!(!temporary_of(&path).exists());
    }

    #[cfg(unix)]
    #[test]
    fn files_and_folders_are_for_the_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;

        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        create_dir(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        write_atomically(&folder.join("written"), b"").unwrap();
        assert_eq!(mode(&folder.join("written")), 0o600);
        open_or_create(&folder.join("opened")).unwrap();
        assert_eq!(mode(&folder.join("opened")), 0o600);

        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        restrict_dir(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
    }
}
