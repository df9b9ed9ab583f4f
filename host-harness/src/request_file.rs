//! The files of a prompt: the body of a chat completion, and images.

use std::path::Path;

use dialects::chat_completions::request::{ChatBody, image_of, invalid};
use model_provider_host::{
    Error, ErrorKind, Result,
    contract::{Media, ProviderErrorKind},
    files,
};

/// Reads a request from the bytes of a file; `name` says which in an error.
pub(super) fn read(name: &Path, bytes: &[u8]) -> Result<ChatBody> {
    ChatBody::parse(bytes).map_err(|error| {
        let message = format!("the request {}: {}", name.display(), error.message());
        let named = Error::new(error.kind(), message);
        match error.hint() {
            Some(hint) => named.with_hint(hint),
            None => named,
        }
    })
}

/// An image from a file; its type follows from its first bytes, never from its name.
pub(super) fn picture(path: &Path) -> Result<Media> {
    image_of(read_file("picture", path)?).ok_or_else(|| {
        invalid(&format!(
            "{} is no PNG, JPEG, GIF or WebP picture",
            path.display()
        ))
        .with_hint("convert it to one of these first")
    })
}

/// Reads a file that belongs to a request.
pub(super) fn read_file(what: &str, path: &Path) -> Result<Vec<u8>> {
    files::read_input(path, files::MAX_BYTES).map_err(|error| {
        let message = format!("the {what} {} cannot be read: {error}", path.display());
        Error::new(ErrorKind::Provider(ProviderErrorKind::InvalidRequest), message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_never_its_content() {
        let body = br#"{"messages":[{"role":"user","content":"very private"}],"temperature":"also private"}"#;
        let error = read(Path::new("ask.json"), body).expect_err("it is wrong");
        assert_eq!(
            error.message(),
            "the request ask.json: `temperature` has to be a number, not a text like this"
        );
    }
}
