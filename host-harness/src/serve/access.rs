//! The keys of a server, from where its arguments say. Knows no server.

use std::path::Path;

use zeroize::Zeroizing;

use crate::{access_key, args::ServeArgs, terminal::Terminal};
use model_provider_host::{
    Error, ErrorKind, Result, Secret,
    files::{self, trust},
};
use model_server::Access;
use openclaw_config::Environment;

/// The largest key file.
const LARGEST_KEY: u64 = 64 * 1024;

/// The access policy, by the arguments.
pub(super) fn read(terminal: Terminal, args: &ServeArgs) -> Result<Access> {
    let key = access_key(terminal, args)?;
    match &args.access_keys {
        None => Access::new(args.listen, key.as_ref()),
        Some(file) => {
            warn_if_others_can_read(terminal, file);
            Access::with_keys(args.listen, key.as_ref(), access_key::read(file)?)
        }
    }
}

fn access_key(terminal: Terminal, args: &ServeArgs) -> Result<Option<Secret>> {
    let (text, place) = if let Some(name) = &args.access_key_env {
        let text = Environment::process().get(name);
        let missing = || {
            Error::new(
                ErrorKind::Configuration,
                format!("the variable {name} is not set"),
            )
        };
        (text.ok_or_else(missing)?, format!("the variable {name}"))
    } else if let Some(file) = &args.access_key_file {
        warn_if_others_can_read(terminal, file);
        let text = files::read_input_text(file, LARGEST_KEY).map(Zeroizing::new);
        let unread = |error| {
            let message = format!("the access key {} cannot be read: {error}", file.display());
            Error::new(ErrorKind::Configuration, message)
        };
        (text.map_err(unread)?, file.display().to_string())
    } else {
        return Ok(None);
    };
    let key = Secret::new(&text);
    let blank = || Error::new(ErrorKind::Configuration, format!("{place} holds no access key"));
    Ok(Some(key.ok_or_else(blank)?))
}

fn warn_if_others_can_read(terminal: Terminal, file: &Path) {
    // A file descriptor passed by the shell has no mode worth a warning.
    if !file.is_file() {
        return;
    }
    if let Some(exposure) = trust::readable(file) {
        terminal.warn(&format!(
            "other users can read the access key: {}; `{}` fixes that",
            exposure.message, exposure.fix
        ));
    } else if let Some(exposure) = trust::changeable(file) {
        terminal.warn(&format!(
            "other users can replace the access key: {}; `{}` fixes that",
            exposure.message, exposure.fix
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Format;

    fn key_in(content: &str) -> Result<Option<Secret>> {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("key");
        model_provider_host::files::write_private(&file, content.as_bytes()).expect("written");
        key_of(None, Some(file))
    }

    fn key_of(variable: Option<&str>, file: Option<std::path::PathBuf>) -> Result<Option<Secret>> {
        let args = ServeArgs {
            listen: ([127, 0, 0, 1], 0).into(),
            watch: None,
            every: std::time::Duration::from_secs(300),
            access_key_env: variable.map(Into::into),
            access_key_file: file,
            access_keys: None,
            access_usage: None,
            audit: None,
            watch_config: false,
            no_fallback: false,
            calls_per_store: 1,
        };
        access_key(Terminal::new(Format::Text), &args)
    }

    #[test]
    fn an_access_key_comes_from_a_file_or_a_variable_and_is_not_shown() {
        let key = key_in("0123456789abcdef\n")
            .expect("a key")
            .expect("there is one");
        assert_eq!(key.expose(), "0123456789abcdef");
        assert!(key_of(None, None).expect("none is fine").is_none());
        for wrong in [
            key_in(" \n"),
            key_of(None, Some("/no/such/file".into())),
            key_of(Some("NO_SUCH_VARIABLE_IS_SET"), None),
        ] {
            assert_eq!(wrong.expect_err("no key").kind(), ErrorKind::Configuration);
        }
    }
}
