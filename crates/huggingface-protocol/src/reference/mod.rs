//! Model references: the texts by which a person names a model, and their meaning.
//!
//! # Grammar
//!
//! ```ebnf
//! (* White space around a reference is ignored; prefix and suffix are read in any case. *)
//! reference = [ prefix , "/" ] , org , "/" , name , [ ":" , suffix ] ;
//! prefix    = "huggingface" , { "/" , "huggingface" } ;
//! org       = part ;
//! name      = part ;
//! part      = sign , { sign } ;
//! sign      = letter | digit | "-" | "_" | "." ;             (* letters and digits of Unicode *)
//! suffix    = policy | backend ;                             (* printed in lower case *)
//! policy    = "cheapest" | "fastest" | "preferred" ;
//! backend   = plain , { plain } ;
//! plain     = ascii letter | ascii digit | "-" | "_" | "." ;
//! ```
//!
//! `huggingface` is taken as the prefix as long as more than two parts remain; `huggingface/NAME` alone is no
//! reference, and a model of the organisation `huggingface` is written `huggingface/huggingface/NAME`. The
//! one spelling of a reference (its *canonical* text) is `huggingface/ORG/NAME[:SUFFIX]`, which parses to the
//! same again.
//!
//! # Meaning
//!
//! [`resolve()`] takes any text that a person types, in this order: a text that begins with `huggingface/` is a
//! reference; one that names a configured, bundled or listed model is that model; an alias of the settings
//! (which may hold spaces and `/`) is what it stands for; then the address of a page of the Hub, and the
//! grammar. An id outside the grammar (a server of one's own lists `llama3`) is understood if the settings or
//! the last list have it.
//!
//! This module must not know the network or the format of responses; model metadata comes from
//! [`catalog`](super::catalog).

mod grammar;
mod hub_url;
mod resolve;
mod suggest;

pub use grammar::{ParseError, Reference, parse};
pub use resolve::{resolve, understand};

pub(super) use grammar::{begins_with_prefix, canonical_text, without_prefix};

#[cfg(test)]
mod tests;
