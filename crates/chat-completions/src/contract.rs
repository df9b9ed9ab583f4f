//! The contract's types as Rust values, generated from `wit/`.
//!
//! The protocol core uses these types directly: they are plain data (strings, lists, options), compile on every
//! target and know no WASI. Only the imported functions and the export macro are for wasm alone; the shell uses them.

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::mem_forget,
    clippy::allow_attributes_without_reason,
    reason = "generated code; it is documented in wit/provider.wit"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "nonblocking-model-provider",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        generate_unused_types: true,
        // No guest has constructors, and wasm-ld would call them in each export. The workaround's flag lies behind the arena,
        // on a page of its own for each instance.
        disable_run_ctors_once_workaround: true,
    });
}

pub use bindings::export;
pub use bindings::exports::openclaw::model_provider::{nonblocking, provider};
pub use bindings::openclaw::model_provider::{settings, types};
