//! The plugin cache: pulled blobs by digest, in a private folder of the user.
//!
//! Files are written atomically, and verified against their name when they are read, so that a tampered file is
//! never used.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    digest::Digest,
    error::{Error, ErrorKind, Result},
    signature::Signatures,
};

/// A folder of blobs, named by their digests.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// A cache in this folder, which is created on the first write.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The cache's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn blobs(&self) -> PathBuf {
        self.dir.join("blobs").join("sha256")
    }

    /// The file of a blob.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    /// The bytes of this digest, if they are cached. A corrupted file is removed.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let path = self.path(digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failure(&path, &error)),
        };
        if digest.check("file in the cache", &bytes).is_ok() {
            return Ok(Some(bytes));
        }
        tracing::warn!(file = %path.display(), "a file in the cache is corrupted; it is removed");
        fs::remove_file(&path).map_err(|error| failure(&path, &error))?;
        Ok(None)
    }

    /// Whether there is a file of this digest; its content is not verified.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Stores bytes whose digest has been verified.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        digest.check("blob", bytes)?;
        self.write(&self.path(digest), bytes)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let dir = path.parent().unwrap_or(&self.dir);
        let written = || -> io::Result<()> {
            create_private_dir(&self.dir)?;
            create_private_dir(dir)?;
            // Created with 0600, which the rename preserves.
            let mut file = tempfile::NamedTempFile::new_in(dir)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path).map(drop).map_err(|error| error.error)
        };
        written().map_err(|error| failure(path, &error))
    }

    fn signatures_path(&self, manifest: &Digest) -> PathBuf {
        self.dir
            .join("signatures")
            .join(format!("{}.json", manifest.hex()))
    }

    /// The cached signatures of a manifest. They are verified whenever they are used, so they need no digest.
    pub(crate) fn signatures(&self, manifest: &Digest) -> Signatures {
        let read = fs::read(self.signatures_path(manifest)).ok();
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    pub(crate) fn put_signatures(&self, manifest: &Digest, signatures: &Signatures) -> Result<()> {
        if signatures.is_empty() {
            return Ok(());
        }
        let bytes = serde_json::to_vec(signatures).unwrap_or_default();
        self.write(&self.signatures_path(manifest), &bytes)
    }

    /// The digests of all files, in order.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(&self) -> Result<Vec<(Digest, u64)>> {
        let dir = self.blobs();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failure(&dir, &error)),
        };
        let mut all: Vec<_> = entries
            .flatten()
            .filter_map(|entry| {
                let digest = format!("sha256:{}", entry.file_name().to_str()?).parse().ok()?;
                Some((digest, entry.metadata().ok()?.len()))
            })
            .collect();
        all.sort();
        Ok(all)
    }

    /// Removes everything that `keep` rejects. Returns the number of removed files and bytes.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn collect(&self, keep: impl Fn(&Digest) -> bool) -> Result<(usize, u64)> {
        let (mut files, mut bytes) = (0, 0);
        for (digest, size) in self.all()? {
            if keep(&digest) {
                continue;
            }
            let path = self.path(&digest);
            fs::remove_file(&path).map_err(|error| failure(&path, &error))?;
            let _ = fs::remove_file(self.signatures_path(&digest));
            files += 1;
            bytes += size;
        }
        Ok((files, bytes))
    }
}

/// Creates a private folder, or removes other users' access to it.
fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if fs::metadata(dir)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

fn failure(path: &Path, error: &io::Error) -> Error {
    Error::new(
        ErrorKind::File,
        format!("{} in the plugin cache: {error}", path.display()),
    )
    .hint("check who owns the folder and whether the disk is full")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_there_until_it_is_collected_and_damaged_files_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("plugins"));
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        assert_eq!(cache.get(&one).unwrap(), None);
        cache.put(&one, b"one").unwrap();
        cache.put(&two, b"two").unwrap();
        assert!(cache.put(&one, b"two").is_err(), "a file is what its name says");
        assert_eq!(cache.get(&one).unwrap().unwrap(), b"one");
        fs::write(cache.path(&two), b"tow").unwrap();
        assert_eq!(cache.get(&two).unwrap(), None, "a damaged file is none");
        assert!(!cache.has(&two));
        cache.put(&two, b"two").unwrap();
        assert_eq!(cache.collect(|digest| *digest == one).unwrap(), (1, 3));
        assert_eq!(cache.all().unwrap(), [(one, 3)]);
    }

    #[cfg(unix)]
    #[test]
    fn it_is_the_users_alone_even_where_it_was_open() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("plugins"));
        fs::create_dir(cache.dir()).unwrap();
        fs::set_permissions(cache.dir(), fs::Permissions::from_mode(0o755)).unwrap();
        let digest = Digest::of(b"one");
        cache.put(&digest, b"one").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(cache.dir()), mode(&cache.blobs())), (0o700, 0o700));
        assert_eq!(mode(&cache.path(&digest)), 0o600);
    }
}
