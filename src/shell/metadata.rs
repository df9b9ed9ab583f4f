//! Who made the component and under which licence, as custom sections of the registry convention, so that
//! `wasm-tools metadata show` tells it from the file alone.

/// One custom section with a text in it.
macro_rules! section {
    ($name:literal, $static:ident, $text:expr) => {
        #[used]
        #[allow(unsafe_code, reason = "only names the section; the static is plain bytes")]
        #[unsafe(link_section = $name)]
        static $static: [u8; $text.len()] = *$text.as_bytes().first_chunk().expect("the length is its own");
    };
}

section!("licenses", LICENSES, env!("CARGO_PKG_LICENSE"));
section!("version", VERSION, crate::protocol::provider::VERSION);
section!("description", DESCRIPTION, env!("CARGO_PKG_DESCRIPTION"));
section!("source", SOURCE, env!("CARGO_PKG_REPOSITORY"));
