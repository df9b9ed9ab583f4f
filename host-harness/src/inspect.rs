//! `inspect`: what a plugin is, what it can reach, and what it is granted. Reads no credential.

use super::{
    Outcome, args::Global, format, output::inspect::PluginJson, session::Ground, table, terminal::Terminal,
};
use model_provider_host::{Grant, Plugin, grants::AllowedEndpoints, sanitize};

/// So many entries of a list are shown.
const MOST: usize = 64;

pub(super) async fn run(terminal: Terminal, global: &Global) -> Outcome {
    let ground = Ground::open(global)?;
    let plugin = match global.plugin.as_deref() {
        Some(named) => ground.look(terminal, named).await?.plugin,
        None => ground.load(terminal, None).await?,
    };
    let checked = ground.grants.check(&plugin);
    let grant = match &checked {
        Ok(grant) => *grant,
        // What its id is granted, to compare with.
        Err(_) => ground.grants.of(&plugin.info().id).next(),
    };
    if !terminal.is_text() {
        terminal.json(&PluginJson::new(&plugin, grant))?;
        return Ok(());
    }
    terminal.line(&table::facts(terminal.out, &facts(&plugin, grant)))?;
    if let Err(error) = &checked {
        terminal.warn(error.message());
    }
    Ok(())
}

fn facts(plugin: &Plugin, grant: Option<&Grant>) -> Vec<(&'static str, String)> {
    let info = plugin.info();
    let mut facts = vec![
        ("plugin", format!("{} ({})", sanitize::name(&info.name), info.id)),
        ("version", sanitize::name(&info.version).into_owned()),
        ("contract", plugin.contract_version().to_owned()),
        ("file", plugin.path().display().to_string()),
        ("size", format::bytes(plugin.size())),
        ("digest", plugin.digest().to_owned()),
    ];
    facts.extend(below("imports", plugin.imports()));
    facts.extend(below("exports", plugin.exports()));
    match grant {
        Some(grant) => facts.extend(granted("granted", grant)),
        None => facts.push((
            "granted",
            "nothing; `grant FILE.wasm` shows what it requests".to_owned(),
        )),
    }
    facts
}

/// A list, its name beside its first entry.
fn below(name: &'static str, entries: &[String]) -> Vec<(&'static str, String)> {
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    let mut shown: Vec<_> = entries.iter().take(MOST).cloned().collect();
    let more = entries.len().saturating_sub(MOST);
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    let mut facts: Vec<_> = names.zip(shown).collect();
    if facts.is_empty() {
        facts.push((name, "nothing".to_owned()));
    }
    facts
}

/// What a grant allows, in words.
pub(super) fn granted(name: &'static str, grant: &Grant) -> Vec<(&'static str, String)> {
    let mut words = vec![format!("to reach {}", sanitize::name(&grant.origin))];
    words.push(match grant.endpoints.as_slice() {
        [] => "no request there; a grant of an earlier version has to be given again".to_owned(),
        endpoints => {
            let allowed = AllowedEndpoints::new(&grant.base_path, Some(endpoints.to_vec()));
            format!("these requests there: {}", sanitize::name(&allowed.to_string()))
        }
    });
    if !grant.header.is_empty() {
        words.push(format!(
            "that the host adds the credential there, in the header `{}` behind `{}`",
            sanitize::name(&grant.header),
            sanitize::name(&grant.prefix)
        ));
    }
    if !grant.env_vars.is_empty() {
        words.push(format!(
            "that the host looks for it in {}",
            sanitize::names(grant.env_vars.iter().map(String::as_str))
        ));
    }
    below(name, &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_reads_as_text() {
        let grant = serde_json::json!({
            "origin": "https://acme.example",
            "basePath": "/v1",
            "endpoints": [{ "method": "GET", "path": "/models" }, { "method": "POST", "path": "/chat" }],
            "header": "authorization",
            "prefix": "Bearer ",
            "envVars": ["ACME_TOKEN", "ACME_KEY"],
        });
        let grant: Grant = serde_json::from_value(grant).expect("a grant");
        let words: Vec<_> = granted("asks", &grant).into_iter().collect();
        assert_eq!(words[0], ("asks", "to reach https://acme.example".to_owned()));
        assert_eq!(words[1].1, "these requests there: GET /v1/models, POST /v1/chat");
        assert_eq!(words[3].1, "that the host looks for it in ACME_TOKEN, ACME_KEY");
        assert!(words[1..].iter().all(|(name, _)| name.is_empty()));
    }

    #[test]
    fn an_empty_list_says_so() {
        assert_eq!(below("imports", &[]), [("imports", "nothing".to_owned())]);
    }
}
