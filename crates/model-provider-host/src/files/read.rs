//! Files that a user names: reading, whole and size-limited, and appending. Only regular files, which end and never
//! block.

use std::{
    fs::{self, File, FileType, Metadata},
    io::{self, Read as _},
    path::Path,
};

/// Reads a regular file of at most `most` bytes. A named pipe, a device, a socket or a directory is refused before
/// it is opened, since reading it may block forever.
///
/// # Errors
/// It is not a regular file, is larger, or cannot be read.
pub fn read(path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    whole(open(path)?, most)
}

/// The same, but also accepts an open descriptor of this process: `/dev/stdin`, or the `/dev/fd/63` that a shell
/// writes for `<(command)`.
///
/// # Errors
/// As of [`read`].
pub fn read_input(path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    if !is_descriptor(path) {
        return read(path, most);
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(unfit("is a directory"));
    }
    whole(file, most)
}

/// The same as UTF-8 text.
///
/// # Errors
/// As of [`read_input`], or it is not UTF-8 text.
pub fn read_input_text(path: impl AsRef<Path>, most: u64) -> io::Result<String> {
    let path = path.as_ref();
    let bytes = read_input(path, most)?;
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// Opens a regular file for reading.
///
/// # Errors
/// It is not a regular file, or cannot be opened.
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    regular(&fs::metadata(path)?)?;
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // If another kind of file has replaced it by now, opening it does not block either.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    let file = options.open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

/// Opens a regular file for appending, or creates it for the user alone. Symbolic links are not followed: they could
/// redirect what is written.
///
/// # Errors
/// It is a symbolic link or not a regular file, or cannot be opened.
pub fn append(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    // For the message; what counts is the check of the open file.
    if let Ok(meta) = fs::symlink_metadata(path) {
        if meta.is_symlink() {
            return Err(unfit("is a symbolic link; name the file itself"));
        }
        regular(&meta)?;
    }
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options
            .mode(0o600)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    let file = options.open(path)?;
    regular(&file.metadata()?)?;
    Ok(file)
}

fn whole(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(unfit(&format!("has more than {most} bytes")));
    }
    Ok(bytes)
}

fn regular(meta: &Metadata) -> io::Result<()> {
    let kind = meta.file_type();
    if kind.is_file() || is_null(meta) {
        return Ok(());
    }
    let what = if kind.is_dir() {
        "a directory"
    } else {
        special(kind)
    };
    Err(unfit(&format!("is {what}; expected a regular file")))
}

fn unfit(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("it {what}"))
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "no file"
}

/// `/dev/null` is a common name of an empty file.
#[cfg(unix)]
fn is_null(meta: &Metadata) -> bool {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
    let is_same = |null: Metadata| null.rdev() == meta.rdev();
    meta.file_type().is_char_device() && fs::metadata("/dev/null").is_ok_and(is_same)
}

#[cfg(not(unix))]
fn is_null(_: &Metadata) -> bool {
    false
}

/// Whether a path names an open descriptor of this process.
fn is_descriptor(path: &Path) -> bool {
    let Some(text) = path.to_str().filter(|_| cfg!(unix)) else {
        return false;
    };
    let number = text
        .strip_prefix("/dev/fd/")
        .or_else(|| text.strip_prefix("/proc/self/fd/"));
    text == "/dev/stdin" || number.is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(
            read(&path, 4)
                .unwrap_err()
                .to_string()
                .contains("more than 4 bytes")
        );
        assert_eq!(
            read(dir.path().join("b"), 4).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert!(
            read(dir.path(), 4)
                .unwrap_err()
                .to_string()
                .contains("a directory")
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_may_never_end_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        for (path, what) in [
            (pipe.as_path(), "a named pipe"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let appended = append(path).map(|_| Vec::new());
            for refused in [read(path, 10), read_input(path, 10), appended] {
                assert!(refused.unwrap_err().to_string().contains(what), "{what}");
            }
        }
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("new"), &link).unwrap();
        assert!(append(&link).unwrap_err().to_string().contains("a symbolic link"));
        assert_eq!(read(Path::new("/dev/null"), 10).unwrap(), b"");
        let (socket, _listening) = (dir.path().join("s"), ());
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(read(&socket, 10).unwrap_err().to_string().contains("a socket"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_descriptor_that_was_given_is_read() {
        use std::{io::Write as _, os::fd::AsRawFd as _};
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"piped").unwrap();
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read_input(Path::new(&path), 10).unwrap(), b"piped");
    }
}
