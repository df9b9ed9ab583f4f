//! The metadata of a component in custom sections: name, version, licence, source, revision, description.
//!
//! Top-level sections come first; a value that they lack is read from the first core module, where the linker leaves those
//! of a plain build. Stops at the first unexpected byte: a missing value is missing in the annotations, and decides
//! nothing.

use std::collections::BTreeMap;

/// The values by section name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata(BTreeMap<&'static str, String>);

/// Section names, and the annotations that they become.
const SECTIONS: [(&str, &str); 7] = [
    ("version", "org.opencontainers.image.version"),
    ("description", "org.opencontainers.image.description"),
    ("authors", "org.opencontainers.image.authors"),
    ("licenses", "org.opencontainers.image.licenses"),
    ("source", "org.opencontainers.image.source"),
    ("homepage", "org.opencontainers.image.url"),
    ("revision", "org.opencontainers.image.revision"),
];
const TITLE: &str = "org.opencontainers.image.title";
const MAGIC: &[u8] = b"\0asm";
/// Section ids.
const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;
/// The longest value.
const LONGEST: usize = 4096;

impl Metadata {
    /// The metadata of a component, or of any bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let (mut found, module) = outermost(bytes);
        for (annotation, text) in module.map(|module| outermost(module).0).unwrap_or_default() {
            found.entry(annotation).or_insert(text);
        }
        Self(found)
    }

    /// As annotations of an artifact.
    #[must_use]
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let owned = |(name, text): (&&str, &String)| ((*name).to_owned(), text.clone());
        self.0.iter().map(owned).collect()
    }
}

/// The values of the top-level sections, and the first core module among these.
fn outermost(bytes: &[u8]) -> (BTreeMap<&'static str, String>, Option<&[u8]>) {
    let mut found = BTreeMap::new();
    let mut module = None;
    let mut rest = bytes
        .strip_prefix(MAGIC)
        .and_then(|rest| rest.get(4..))
        .unwrap_or_default();
    while let Some((id, section, next)) = section(rest) {
        if id == CUSTOM
            && let Some((name, content)) = name(section)
        {
            let known = SECTIONS.iter().find(|(known, _)| *known == name);
            let text = std::str::from_utf8(content)
                .ok()
                .filter(|text| text.len() <= LONGEST);
            if let (Some((_, annotation)), Some(text)) = (known, text) {
                found.insert(*annotation, text.to_owned());
            } else if name == "component-name"
                && let Some(title) = component_name(content)
            {
                found.insert(TITLE, title.to_owned());
            }
        } else if id == CORE_MODULE && module.is_none() && section.starts_with(MAGIC) {
            module = Some(section);
        }
        rest = next;
    }
    (found, module)
}

/// A section's id, its content, and the rest.
fn section(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (id, rest) = bytes.split_first()?;
    let (size, rest) = number(rest)?;
    let (content, rest) = rest.split_at_checked(size)?;
    Some((*id, content, rest))
}

fn name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (size, rest) = number(bytes)?;
    let (name, rest) = rest.split_at_checked(size)?;
    Some((std::str::from_utf8(name).ok()?, rest))
}

/// The component's own name: the first subsection of the name section.
fn component_name(bytes: &[u8]) -> Option<&str> {
    let (id, content, _) = section(bytes)?;
    (id == 0).then(|| name(content)).flatten().map(|(name, _)| name)
}

/// An unsigned LEB128 integer of at most 32 bits.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u32;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= u32::from(byte & 0x7f).checked_shl(7 * u32::try_from(at).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(name: &str, content: &[u8]) -> Vec<u8> {
        let size = |n: usize| u8::try_from(n).unwrap();
        let mut section = vec![0, size(1 + name.len() + content.len()), size(name.len())];
        section.extend_from_slice(name.as_bytes());
        section.extend_from_slice(content);
        section
    }

    #[test]
    fn texts_of_known_sections_become_annotations_and_anything_else_is_skipped() {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend(custom("version", b"0.2.0"));
        bytes.extend([7, 2, 0, 0]);
        bytes.extend(custom("producers", b"\0"));
        bytes.extend(custom("licenses", b"Apache-2.0"));
        bytes.extend(custom("description", b"\xff"));
        bytes.extend(custom("component-name", b"\x00\x05\x04acme"));
        let found = Metadata::of(&bytes).annotations();
        let expected = [
            ("org.opencontainers.image.licenses", "Apache-2.0"),
            ("org.opencontainers.image.title", "acme"),
            ("org.opencontainers.image.version", "0.2.0"),
        ];
        assert!(
            found.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected),
            "{found:?}"
        );
        for end in 0..bytes.len() {
            let _ = Metadata::of(&bytes[..end]);
        }
        assert_eq!(Metadata::of(b"text"), Metadata::default());
    }

    #[test]
    fn what_the_component_leaves_out_is_read_from_its_first_core_module() {
        let module = |version: &[u8]| {
            let mut module = b"\0asm\x01\0\0\0".to_vec();
            module.extend(custom("version", version));
            module.extend(custom("source", b"https://acme.example"));
            [&[1, u8::try_from(module.len()).unwrap()][..], &module].concat()
        };
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend(module(b"0.1.0"));
        bytes.extend(module(b"9.9.9"));
        let version =
            |bytes: &[u8]| Metadata::of(bytes).annotations()["org.opencontainers.image.version"].clone();
        assert_eq!(version(&bytes), "0.1.0", "not the second one's");
        bytes.extend(custom("version", b"0.2.0"));
        assert_eq!(version(&bytes), "0.2.0", "its own word comes first");
        let found = Metadata::of(&bytes).annotations();
        assert_eq!(found["org.opencontainers.image.source"], "https://acme.example");
    }
}
