//! A second provider, as small as one can be: another id, header, prefix, variable and path, one model. It shows that
//! the host knows none.

#![cfg_attr(target_family = "wasm", no_std)]
