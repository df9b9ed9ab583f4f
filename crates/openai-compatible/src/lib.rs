//! Provider component for any server with OpenAI's chat completions API: llama.cpp, vLLM, Ollama, LiteLLM,
//! OpenRouter.
//!
//! The base URL is the operator's, a key is optional, and models are what the server lists. Requests, streams, errors and
//! retries are the core's (`chat-completions`), bytes are the shell's (`component-shell`); here is what differs.

#![cfg_attr(target_family = "wasm", no_std)]
#![cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "what only the exports use is for wasm alone")
)]

#[cfg(any(target_family = "wasm", test))]
extern crate alloc;

#[cfg(any(target_family = "wasm", test))]
mod catalog;
#[cfg(target_family = "wasm")]
mod component;
#[cfg(any(target_family = "wasm", test))]
mod provider;
#[cfg(any(target_family = "wasm", test))]
mod reference;
#[cfg(any(target_family = "wasm", test))]
mod row;
