//! The open file of the audit log. Knows no records and no rotation.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use model_provider_host::files;

/// The file, open for appending.
pub(super) struct AuditFile {
    file: File,
    /// Its size; `None` for `/dev/null`, which is never rotated.
    size: Option<u64>,
}

impl AuditFile {
    /// Only the user may read it. Only a regular file is opened: a pipe would block the thread, and a symbolic link
    /// could redirect the log.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = files::append(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Ok(Self { file, size: None });
        }
        let mut size = meta.len();
        if is_torn(path).unwrap_or(false) {
            file.write_all(b"\n")?;
            size += 1;
        }
        #[cfg(unix)]
        {
            use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};
            if meta.permissions().mode() & 0o077 != 0 {
                file.set_permissions(Permissions::from_mode(0o600))?;
            }
        }
        Ok(Self {
            file,
            size: Some(size),
        })
    }

    /// Whether a line would make it too large.
    pub(super) fn is_full(&self, line: &[u8], most: u64) -> bool {
        self.size
            .is_some_and(|size| size > 0 && size + line.len() as u64 > most)
    }

    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.size = self.size.map(|size| size + line.len() as u64);
        Ok(())
    }

    /// Any file as it is, even one whose writes block.
    #[cfg(test)]
    pub(super) fn of(file: File) -> Self {
        Self { file, size: None }
    }
}

/// Whether the last line has no end: a full disk or a crash cut it. The next record would be part of it.
fn is_torn(path: &Path) -> io::Result<bool> {
    let mut file = files::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
