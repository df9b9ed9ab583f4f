//! The part of the dialogue that chooses models: default, backend, alias, fallbacks. Knows no key.

use super::{
    interactive::Wizard,
    model_picker::{self, Pick, StandIn},
    prompt,
};
use crate::table;
use model_provider_host::{Host, Result, sanitize};

impl Wizard<'_> {
    /// The configured default model, if there is one.
    pub(super) async fn current(&self, host: &Host) -> Result<Option<String>> {
        let configured = self.ground.configuration.default_model(self.info())?;
        let Some(text) = configured.primary else {
            return Ok(None);
        };
        Ok(host.resolve(&text).await.ok().map(|found| found.canonical))
    }

    /// The model, with or without a policy. An empty list leaves the provider's default.
    pub(super) async fn model(&self, host: &Host, picks: Vec<Pick>, current: Option<&str>) -> Result<Pick> {
        let info = self.info();
        if picks.is_empty() {
            let default = info.default_model.as_deref().ok_or_else(|| {
                let error = super::wrong("there is no model to choose");
                error.with_hint(
                    "configure one under `models.providers`, or do not set `models.mode` to \"replace\"",
                )
            })?;
            self.terminal
                .warn(&format!("no models are listed; {default} is the default"));
            let found = host.resolve(default).await?;
            return Ok(Pick::only(found.canonical, found.display_name));
        }
        let first = current.and_then(|current| model_picker::standing(&picks, current));
        let question = format!("Default {} model", info.name);
        let pick = prompt::one_of(question, picks, first.unwrap_or_default()).await?;
        if let Some(note) = pick.policy.as_ref().and_then(|policy| policy.note.as_deref()) {
            let paint = self.terminal.err;
            self.terminal
                .note(&format!("{} {}", paint.cyan("note:"), sanitize::line(note)));
        }
        Ok(pick)
    }

    /// The same model pinned to one backend, if the user prefers one; the configured backend comes first.
    pub(super) async fn backend(&self, pick: Pick, current: Option<&str>) -> Result<Pick> {
        let current = current.and_then(|current| pick.backend_in(current));
        if pick.routes.is_empty() && current.is_none() {
            return Ok(pick);
        }
        let (backends, first) = model_picker::backends(&pick.routes, current, table::terminal_width());
        let backend = prompt::one_of("Prefer a specific backend?".to_owned(), backends, first).await?;
        Ok(match backend.name {
            Some(name) => pick.from(&name),
            None => pick,
        })
    }

    /// Whether the chosen model becomes the default: another provider's default stays unless the user agrees.
    pub(super) async fn replaces_default(&self, chosen: &str) -> Result<bool> {
        let other = self.ground.configuration.default_model(self.info())?;
        let primary = self.ground.configuration.primary()?;
        let Some(primary) = primary.filter(|primary| other.elsewhere.contains(primary)) else {
            return Ok(true);
        };
        if self.args.set_default {
            return Ok(true);
        }
        let question = format!(
            "Make {chosen} the default instead of {}?",
            sanitize::name(&primary)
        );
        prompt::yes_or_no(question, false, Some("the other stays the default if not")).await
    }

    pub(super) async fn alias(
        &self,
        chosen: &Pick,
        names: std::sync::Arc<model_provider_host::settings::ModelSettings>,
    ) -> Result<String> {
        let info = self.info();
        let own = self.ground.configuration.alias_of(info, &chosen.reference)?;
        let (reference, prefix) = (chosen.reference.clone(), format!("{}/", info.id));
        let problem = move |text: &str| {
            let other = names
                .find_alias(text)
                .find(|alias| !alias.reference.trim().eq_ignore_ascii_case(&reference));
            if let Some(other) = other.filter(|_| !text.trim().is_empty()) {
                return Some(format!("`{}` has this name already", other.reference));
            }
            let head = text.trim().get(..prefix.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(&prefix))
                .then(|| format!("what begins with `{prefix}` is a reference, not a name"))
        };
        let suggestion = own.unwrap_or_else(|| openclaw_config::plain_alias(&chosen.label));
        let suggestion = Some(suggestion).filter(|suggestion| problem(suggestion).is_none());
        let help = "a short name to call it by; `-` for none";
        prompt::text("Alias", suggestion, help, problem).await
    }

    /// The fallback models, in the order in which they are chosen.
    pub(super) async fn fallbacks(&self, host: &Host, chosen: &str, picks: Vec<Pick>) -> Result<Vec<String>> {
        let mut left: Vec<Pick> = picks
            .into_iter()
            .filter(|pick| pick.reference != chosen)
            .collect();
        let mut chain = self.fallbacks_to_keep(host, &mut left).await?;
        let mut question = "Fallbacks: which model is tried when it fails?";
        let mut nobody = "nobody";
        loop {
            if !chain.is_empty() {
                (question, nobody) = (
                    "Fallbacks: which model is tried when all of these fail?",
                    "nobody else",
                );
            }
            if left.is_empty() {
                return Ok(chain);
            }
            let mut entries = vec![StandIn::Nobody(nobody)];
            entries.extend(left.iter().cloned().map(StandIn::Model));
            let StandIn::Model(pick) = prompt::one_of(question.to_owned(), entries, 0).await? else {
                return Ok(chain);
            };
            left.retain(|other| other.reference != pick.reference);
            chain.push(pick.reference);
        }
    }

    /// The configured fallbacks, if the user wants to keep them; those of other providers always stay. Removes the remaining
    /// ones from what is `left` to choose.
    async fn fallbacks_to_keep(&self, host: &Host, left: &mut Vec<Pick>) -> Result<Vec<String>> {
        let old = self.ground.configuration.fallbacks()?;
        let mut known = Vec::new();
        for text in &old {
            let found = host.resolve(text).await;
            let canonical = found.map_or_else(|_| text.clone(), |found| found.canonical);
            known.push(
                left.iter()
                    .any(|pick| pick.reference == canonical)
                    .then_some(canonical),
            );
        }
        if known.iter().all(Option::is_none) {
            return Ok(old);
        }
        let question = format!(
            "Fallbacks: keep {}?",
            sanitize::names(old.iter().map(String::as_str))
        );
        if prompt::yes_or_no(question, true, None).await? {
            left.retain(|pick| !known.contains(&Some(pick.reference.clone())));
            return Ok(old);
        }
        let others = old.into_iter().zip(known);
        Ok(others
            .filter(|(_, known)| known.is_none())
            .map(|(text, _)| text)
            .collect())
    }
}
