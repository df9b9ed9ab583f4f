//! Changes to the configured models: the default, aliases, fallbacks. The file is edited; comments and order survive.

use serde::Serialize;

use super::super::{
    Outcome,
    args::{AliasAction, AliasArgs, FallbackAction, Global},
    session::Session,
    terminal::Terminal,
};
use model_provider_host::{Error, ErrorKind, Result, sanitize};
use openclaw_config::DefaultModel;

/// The change, as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangedJson<'a> {
    #[serde(rename = "ref")]
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    configuration: String,
    changed: bool,
}

/// A session and a reference that it resolved.
struct ModelChoice {
    session: Session,
    reference: String,
}

impl ModelChoice {
    async fn of(terminal: Terminal, global: &Global, text: &str) -> Result<Self> {
        let session = Session::for_writing(terminal, global).await?;
        Self::in_session(terminal, session, text).await
    }

    async fn in_session(terminal: Terminal, session: Session, text: &str) -> Result<Self> {
        let named = session.named(text)?;
        if let Some(profile) = &named.profile {
            // As in OpenClaw's own `models` commands, the choice is a model and not a profile.
            terminal.warn(&format!(
                "the profile `{profile}` is not written down; `auth.order` of the configuration chooses among profiles"
            ));
        }
        let found = session.host.resolve(&named.reference).await?;
        for warning in &found.warnings {
            terminal.warn(&warning.message);
        }
        Ok(Self {
            reference: found.canonical,
            session,
        })
    }

    /// Shows the outcome in one line: the reference is the plugin's text.
    fn say(&self, terminal: Terminal, alias: Option<&str>, changed: bool, done: &str) -> Outcome {
        let configuration = self.session.configuration.path().display().to_string();
        if !terminal.is_text() {
            terminal.json(&ChangedJson {
                reference: &self.reference,
                alias,
                configuration,
                changed,
            })?;
        } else if changed {
            terminal.line(&sanitize::line(done))?;
            terminal.line(&format!("configuration  {}", sanitize::line(&configuration)))?;
        } else {
            terminal.line(&format!("{}; nothing had to be changed", sanitize::line(done)))?;
        }
        Ok(())
    }
}

pub(super) async fn set(terminal: Terminal, global: &Global, text: &str) -> Outcome {
    let choice = ModelChoice::of(terminal, global, text).await?;
    let session = &choice.session;
    let changed = session
        .configuration
        .set_default_model(&session.info, &choice.reference)?;
    choice.say(
        terminal,
        None,
        changed,
        &format!("Default model set to {}", choice.reference),
    )
}

pub(super) async fn alias(terminal: Terminal, global: &Global, args: &AliasArgs) -> Outcome {
    match &args.action {
        Some(AliasAction::Add(with)) => name(terminal, global, &with.args.name, &with.args.reference).await,
        Some(AliasAction::Remove(with)) => unname(terminal, global, &with.args.name).await,
        Some(AliasAction::List(_)) => list_aliases(terminal, global).await,
        None => {
            let name_of = args.name.as_deref().unwrap_or_default();
            name(
                terminal,
                global,
                name_of,
                args.reference.as_deref().unwrap_or_default(),
            )
            .await
        }
    }
}

async fn name(terminal: Terminal, global: &Global, alias: &str, text: &str) -> Outcome {
    let choice = ModelChoice::of(terminal, global, text).await?;
    let session = &choice.session;
    let changed = session
        .configuration
        .set_alias(&session.info, alias, &choice.reference)?;
    if !openclaw_config::is_plain_alias(alias.trim()) {
        terminal.warn(&unusual_name(alias));
    }
    let done = format!("{} is called {}", choice.reference, alias.trim());
    choice.say(terminal, Some(alias.trim()), changed, &done)
}

/// The note about an alias that only this program accepts.
fn unusual_name(alias: &str) -> String {
    let said = "OpenClaw's own commands take names of letters, digits and `._:-` only";
    match openclaw_config::plain_alias(alias) {
        // No character of it is allowed, so that there is nothing to suggest.
        plain if plain.is_empty() => said.to_owned(),
        plain => format!("{said}, such as `{plain}`"),
    }
}

async fn unname(terminal: Terminal, global: &Global, alias: &str) -> Outcome {
    let session = Session::for_writing(terminal, global).await?;
    let Some(reference) = session.configuration.reference_of(&session.info, alias)? else {
        let message = format!("there is no model with the name `{alias}`");
        return Err(Error::new(ErrorKind::Configuration, message)
            .with_hint("`models alias list` shows the names")
            .into());
    };
    let changed = session.configuration.remove_alias(&session.info, &reference)?;
    let done = format!("{reference} has no name now");
    ModelChoice { session, reference }.say(terminal, None, changed, &done)
}

async fn list_aliases(terminal: Terminal, global: &Global) -> Outcome {
    let session = Session::for_writing(terminal, global).await?;
    let aliases = session.settings.models.aliases();
    if terminal.is_text() {
        for alias in aliases {
            let line = format!("{}  {}", alias.alias, alias.reference);
            terminal.line(&sanitize::line(&line))?;
        }
        return Ok(());
    }
    let members = aliases
        .iter()
        .map(|alias| (alias.alias.clone(), alias.reference.as_str().into()));
    let members: serde_json::Map<String, serde_json::Value> = members.collect();
    terminal.json(&serde_json::json!({ "aliases": members }))?;
    Ok(())
}

pub(super) async fn fallbacks(terminal: Terminal, global: &Global, action: &FallbackAction) -> Outcome {
    match action {
        FallbackAction::Add(with) => {
            let choice = ModelChoice::of(terminal, global, &with.args.reference).await?;
            let session = &choice.session;
            let changed = session
                .configuration
                .add_fallback(&session.info, &choice.reference)?;
            choice.say(
                terminal,
                None,
                changed,
                &format!("{} is a fallback", choice.reference),
            )
        }
        FallbackAction::Remove(with) => {
            let session = Session::for_writing(terminal, global).await?;
            let text = with.args.reference.trim();
            // A listed fallback can be removed as written, whichever provider it belongs to.
            if session.configuration.remove_fallback(&session.info, text)? {
                let reference = text.to_owned();
                let done = format!("{reference} is no fallback now");
                return ModelChoice { session, reference }.say(terminal, None, true, &done);
            }
            let choice = ModelChoice::in_session(terminal, session, text).await?;
            let session = &choice.session;
            if !session
                .configuration
                .remove_fallback(&session.info, &choice.reference)?
            {
                let message = format!("{} is no fallback", choice.reference);
                return Err(Error::new(ErrorKind::Configuration, message)
                    .with_hint("`models fallbacks list` shows them")
                    .into());
            }
            choice.say(
                terminal,
                None,
                true,
                &format!("{} is no fallback now", choice.reference),
            )
        }
        FallbackAction::List(_) => {
            let session = Session::for_writing(terminal, global).await?;
            let fallbacks = session.configuration.fallbacks()?;
            if !terminal.is_text() {
                terminal.json(&serde_json::json!({ "fallbacks": fallbacks }))?;
                return Ok(());
            }
            let DefaultModel { elsewhere, .. } = session.configuration.default_model(&session.info)?;
            for text in &fallbacks {
                let note = if elsewhere.contains(text) {
                    "  (of another provider)"
                } else {
                    ""
                };
                terminal.line(&format!("{}{note}", sanitize::line(text)))?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_proposed_only_where_some_characters_are_allowed() {
        assert!(unusual_name("Small Qwen").ends_with("such as `Small-Qwen`"));
        let said = unusual_name("🚀");
        assert!(!said.contains("such as") && !said.contains("``"), "{said}");
    }
}
