//! Checks of a host without a network: settings, time and limits.

use alloc::{
    format,
    string::{String, ToString},
};

use wasi::clocks::monotonic_clock;

use crate::{
    component::{Check, Found},
    contract::settings,
};

pub(crate) const CHECKS: &[Check] = &[
    ("settings-do-not-change", settings_do_not_change),
    ("settings-timeouts", settings_timeouts),
    ("settings-base-url", settings_base_url),
    ("settings-extras-are-json", settings_extras),
    ("configured-by-id", configured_by_id),
    ("alias-spelling", alias_spelling),
    ("aliases-of-a-reference", aliases_of_a_reference),
    ("listed-by-id", listed_by_id),
    ("clock-goes-on", clock_goes_on),
    ("memory-is-limited", memory_is_limited),
];

pub(crate) fn expect(holds: bool, expected: &str, seen: impl FnOnce() -> String) -> Found {
    if holds {
        Ok(())
    } else {
        Err(format!("expected {expected}, seen {}", seen()))
    }
}

/// "The values do not change while an instance lives".
fn settings_do_not_change() -> Found {
    let text = || format!("{:?}", settings::get());
    let (first, second) = (text(), text());
    expect(first == second, "the same twice", || {
        "two different ones".to_string()
    })
}

fn settings_timeouts() -> Found {
    let snapshot = settings::get();
    let all = [
        snapshot.connect_timeout_ms,
        snapshot.first_byte_timeout_ms,
        snapshot.idle_timeout_ms,
        snapshot.list_timeout_ms,
    ];
    expect(all.iter().all(|ms| *ms > 0), "timeouts above 0", || {
        format!("{all:?}")
    })
}

fn settings_base_url() -> Found {
    match settings::get().base_url {
        None => Ok(()),
        Some(url) => {
            let is_url = url.starts_with("http://") || url.starts_with("https://");
            // User and password would be a credential that the plugin can read.
            let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next());
            let is_bare =
                authority.is_some_and(|authority| !authority.is_empty() && !authority.contains('@'));
            expect(
                is_url && is_bare,
                "an http or https URL without a credential",
                || "another text".to_string(),
            )
        }
    }
}

/// "`-json` in a name is one JSON value as text": judged by the first character.
fn settings_extras() -> Found {
    let begins = |text: &str| {
        let text = text.trim();
        text.starts_with(['{', '[', '"', '-', 't', 'f', 'n'])
            || text.starts_with(|c: char| c.is_ascii_digit())
    };
    let odd = settings::get()
        .extras
        .into_iter()
        .find(|extra| !begins(&extra.value_json));
    expect(odd.is_none(), "JSON in every extra", || {
        odd.map(|extra| extra.key).unwrap_or_default()
    })
}

/// "Returns the configured model of this id, suffix included if it has one."
fn configured_by_id() -> Found {
    for model in settings::list_configured() {
        let found = settings::find_configured(&model.id);
        expect(
            found.is_some_and(|found| found.id == model.id),
            "each configured model by its id",
            || model.id,
        )?;
    }
    let none = settings::find_configured("probe/no-such-model");
    expect(none.is_none(), "none of another id", || "one".to_string())
}

/// "compared trimmed, in any case, runs of white space as one".
fn alias_spelling() -> Found {
    for alias in settings::list_aliases() {
        let spelled = format!(" {} ", alias.alias.to_uppercase().replace(' ', " \t "));
        let found = settings::find_alias(&spelled);
        let is_there = found.iter().any(|found| found.reference == alias.reference);
        expect(is_there, "an alias in another spelling", || alias.alias)?;
    }
    let none = settings::find_alias("probe: no such alias");
    expect(none.is_empty(), "none of another text", || "one".to_string())
}

/// "compared as text, trimmed, in any case".
fn aliases_of_a_reference() -> Found {
    for alias in settings::list_aliases() {
        let found = settings::find_aliases_of(&format!(" {} ", alias.reference.to_uppercase()));
        let is_there = found.iter().any(|found| found.alias == alias.alias);
        expect(is_there, "the alias of a reference in another case", || {
            alias.reference
        })?;
    }
    Ok(())
}

fn listed_by_id() -> Found {
    for id in settings::listed_ids() {
        let found = settings::find_listed(&id);
        expect(
            found.is_some_and(|model| model.id == id),
            "each listed model by its id",
            || id,
        )?;
    }
    Ok(())
}

fn clock_goes_on() -> Found {
    const WAIT_NS: u64 = 20_000_000;
    let began = monotonic_clock::now();
    monotonic_clock::subscribe_duration(WAIT_NS).block();
    let took = monotonic_clock::now().saturating_sub(began);
    expect(took >= WAIT_NS, "a wait of 20 ms", || {
        format!("{} ms", took / 1_000_000)
    })
}

/// A host refuses memory before it has none left itself; a plugin of the contract needs no gigabytes.
fn memory_is_limited() -> Found {
    const PAGES: usize = 3 * 1024 * 1024 * 1024 / 65_536;
    let refused = core::arch::wasm32::memory_grow::<0>(PAGES) == usize::MAX;
    expect(refused, "a refusal of 3 GiB of memory", || {
        "all of it".to_string()
    })
}
