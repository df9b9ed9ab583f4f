//! What clients of a model server speak: their bodies as requests of the contract and back, responses and errors of the
//! contract as theirs. One module each; none knows another, a socket or a file.

pub mod chat_completions;
