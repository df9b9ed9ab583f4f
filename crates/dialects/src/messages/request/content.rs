//! Content blocks of system and user messages and of tool results, as parts of the contract.
//!
//! Blocks without a case in the contract (a text document, a search result) become text: each of their texts is a
//! part, in order, unchanged.

use super::{CACHE_CONTROL, Context};
use crate::{
    json::{Node, extras},
    media::{self, NO_FILES},
};
use provider_contract::{Result, contract::ContentPart};

/// Parts, and the path of each in the body.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) list: Vec<ContentPart>,
    pub(super) paths: Vec<String>,
}

impl Parts {
    fn text(&mut self, text: String) {
        if !text.is_empty() {
            self.list.push(ContentPart::Text(text));
        }
    }

    /// Sets the path of the parts that were added last.
    fn at(&mut self, path: &str) {
        self.paths.resize(self.list.len(), path.to_owned());
    }

    pub(super) fn append(&mut self, mut more: Self) {
        self.list.append(&mut more.list);
        self.paths.append(&mut more.paths);
    }
}

/// Text only: a system prompt. Empty text gives no part.
pub(super) fn texts(content: &Node<'_>, context: &mut Context) -> Result<Parts> {
    let mut parts = Parts::default();
    if content.is_text() {
        parts.text(content.string()?);
        parts.at(content.path());
        return Ok(parts);
    }
    for block in content.items_or("text or a list of text blocks")? {
        let kind = block.need("type")?;
        if kind.text()? != "text" {
            return Err(kind.wrong("`text`"));
        }
        parts.text(text(&block, context)?);
        parts.at(block.path());
    }
    Ok(parts)
}

/// Text, or blocks.
pub(super) fn parts(content: &Node<'_>, context: &mut Context) -> Result<Parts> {
    if content.is_text() {
        return texts(content, context);
    }
    let mut parts = Parts::default();
    for block in content.items_or("text or a list of content blocks")? {
        part(&block, &mut parts, context)?;
    }
    Ok(parts)
}

/// One block; it may become several parts, or none.
pub(super) fn part(block: &Node<'_>, parts: &mut Parts, context: &mut Context) -> Result<()> {
    let kind = block.need("type")?;
    match &*kind.text()? {
        "text" => parts.text(text(block, context)?),
        "image" => parts.list.push(image(block, context)?),
        "document" => document(block, parts, context)?,
        "search_result" => search_result(block, parts, context)?,
        "tool_reference" => {
            // A tool that was found: it is offered from now on, and its name is shown to the model.
            context.leave(block, &["type", "tool_name", CACHE_CONTROL]);
            let name = block.need("tool_name")?.string()?;
            context.tools.offer(&name);
            parts.text(name);
        }
        "container_upload" => return Err(block.unsupported(NO_FILES)),
        _ => {
            return Err(kind.unsupported(
                "is not a supported block; expected `text`, `image`, `document`, `search_result` or `tool_result`",
            ));
        }
    }
    parts.at(block.path());
    Ok(())
}

/// The text of a text block.
pub(super) fn text(block: &Node<'_>, context: &mut Context) -> Result<String> {
    context.leave(block, &["type", "text", CACHE_CONTROL]);
    block.need("text")?.string()
}

fn image(block: &Node<'_>, context: &mut Context) -> Result<ContentPart> {
    context.leave(block, &["type", "source", CACHE_CONTROL]);
    Ok(ContentPart::Media(media::from_source(&block.need("source")?)?))
}

/// A document's bytes: an image, a text, or a file in the form that upstreams of chat completions accept.
fn file(source: &Node<'_>, title: &str) -> Result<ContentPart> {
    let kind = source.need("media_type")?;
    let mime_type = kind.string()?.to_ascii_lowercase();
    if mime_type.starts_with("image/") {
        return Ok(ContentPart::Media(media::from_base64(source)?));
    }
    if mime_type.starts_with("text/") {
        let text = media::bytes_of(source)?;
        let text =
            String::from_utf8(text).map_err(|_| kind.invalid("is text, but the bytes are not UTF-8"))?;
        return Ok(ContentPart::Text(text));
    }
    let data = source.need("data")?;
    if data.is_empty() {
        return Err(data.wrong("base64 that holds something"));
    }
    let name = if title.is_empty() { "document" } else { title };
    let data = format!("data:{mime_type};base64,{}", data.text()?);
    let members = [extras::text("filename", name), extras::text("file_data", &data)];
    let members = [extras::text("type", "file"), extras::object("file", &members)];
    Ok(ContentPart::Other(extras::object("file", &members)))
}

fn document(block: &Node<'_>, parts: &mut Parts, context: &mut Context) -> Result<()> {
    context.leave(block, &["type", "source", "title", "context", CACHE_CONTROL]);
    let source = block.need("source")?;
    let kind = source.need("type")?;
    let title = block.optional_text("title")?.unwrap_or_default();
    parts.text(title.clone());
    parts.text(block.optional_text("context")?.unwrap_or_default());
    parts.at(block.path());
    match &*kind.text()? {
        "text" => parts.text(source.need("data")?.string()?),
        "content" => parts.append(self::parts(&source.need("content")?, context)?),
        "base64" => parts.list.push(file(&source, &title)?),
        "url" => {
            let mut media = media::from_url(&source.need("url")?, "application")?;
            "application/pdf".clone_into(&mut media.mime_type);
            parts.list.push(ContentPart::Media(media));
        }
        "file" => return Err(source.unsupported(NO_FILES)),
        _ => return Err(kind.wrong("`text`, `content`, `base64` or `url`")),
    }
    Ok(())
}

fn search_result(block: &Node<'_>, parts: &mut Parts, context: &mut Context) -> Result<()> {
    context.leave(block, &["type", "title", "source", "content", CACHE_CONTROL]);
    for member in ["title", "source"] {
        parts.text(block.need(member)?.string()?);
    }
    parts.at(block.path());
    parts.append(texts(&block.need("content")?, context)?);
    Ok(())
}
