//! The built component in the host, against the mock router: what a user of the two together gets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test program fails by a panic"
)]
#![allow(unreachable_pub, reason = "a test program has no outside")]

mod harness;

mod access_keys;
#[cfg(target_os = "linux")]
mod addresses;
mod any_provider;
mod audit;
mod bad_swaps;
mod bodies;
mod cancel;
mod cases;
mod chat;
mod configurations;
mod conformance;
mod connections;
mod contract;
mod corpus;
mod doctor;
mod documents;
mod egress;
#[cfg(unix)]
mod exposed;
#[path = "../../crates/plugin-registry/tests/fake/mod.rs"]
mod fake_registry;
mod fallback;
mod files;
mod grants;
mod guest_memory;
mod guests;
mod host_sources;
mod hostile;
mod http;
mod http2;
mod installed;
mod keep_alive;
mod keyed;
mod layers;
mod leaks;
mod leaks_by_people;
mod leaks_by_plugins;
mod leaks_served;
mod limits;
mod load;
mod log;
mod messages_reader;
mod metrics;
mod models;
mod nonblocking;
mod onboarding;
mod onboarding_again;
mod onboarding_by_script;
mod openai_compatible;
mod operations;
mod oracle;
#[path = "../page.rs"]
mod page;
mod plugin_following;
mod plugin_updates;
mod plugins_by_reference;
mod profiles;
mod program;
mod proxy;
mod publishing;
#[path = "../reader.rs"]
mod reader;
mod reasoning_back;
mod recorded_list;
mod recorded_messages;
mod redaction;
mod registry_home;
mod reload;
mod repl;
#[cfg(unix)]
mod repl_again;
mod resource_leaks;
mod responses_reader;
mod scenarios;
mod secret_search;
mod secrets;
mod self_signed;
mod serve;
mod serve_at_home;
mod serve_clients;
mod serve_end;
mod serve_errors;
mod serve_messages;
mod serve_responses;
mod serve_streams;
mod serve_watch;
mod shared_stores;
mod shared_stores_after_traps;
mod shells;
#[cfg(feature = "otel")]
mod spans;
#[cfg(unix)]
mod streams_in;
mod swap;
mod swaps_under_load;
mod terminal;
#[cfg(unix)]
mod termination;
mod tls;
mod untrusted_text;
mod uploads;
mod watch;
