//! `resolve`: what a reference or an alias resolves to. Sends no request.

use super::{
    Outcome,
    args::{Global, ResolveArgs},
    format,
    output::{
        models::shown_price,
        resolve::{ResolvedJson, routing},
    },
    session::Session,
    table,
    terminal::Terminal,
};
use model_provider_host::{contract::ModelRef, sanitize};

pub(super) async fn run(terminal: Terminal, global: &Global, args: &ResolveArgs) -> Outcome {
    let session = Session::open(terminal, global).await?;
    let named = session.named(&args.reference)?;
    let resolved = session.host.resolve(&named.reference).await?;
    if terminal.is_text() {
        terminal.line(&table::facts(terminal.out, &facts(&resolved)))?;
        terminal.warn_of(resolved.warnings.iter().map(|warning| warning.message.as_str()));
    } else {
        terminal.json(&ResolvedJson::new(&session.info, &resolved))?;
    }
    Ok(())
}

/// The facts of a resolved reference.
pub(super) fn facts(resolved: &ModelRef) -> Vec<(&'static str, String)> {
    let locked = if resolved.provider_locked {
        " (provider-locked)"
    } else {
        ""
    };
    let mut facts = vec![
        ("reference", resolved.canonical.clone()),
        ("name", resolved.display_name.clone()),
        ("model", resolved.model.clone()),
        ("routing", format!("{}{locked}", routing(&resolved.routing))),
        ("sent as", resolved.wire_id.clone()),
    ];
    if let Some(alias) = &resolved.alias {
        facts.insert(2, ("alias", alias.clone()));
    }
    if let Some(model) = &resolved.metadata {
        facts.push(("window", format::known_tokens(model.context_window)));
        facts.push(("max output", format::known_tokens(model.max_output_tokens)));
        facts.push(("$ per M in / out", shown_price(model)));
        facts.push(("tools", format::yes_no(model.supports_tools).to_owned()));
        facts.push(("reasoning", format::yes_no(model.reasoning).to_owned()));
    }
    for (_, value) in &mut facts {
        *value = sanitize::name(value).into_owned();
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{output::fixtures, style::Style};

    #[test]
    fn a_resolved_reference_reads_as_text() {
        let text = table::facts(Style::PLAIN, &facts(&fixtures::resolved()));
        let lines: Vec<_> = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(
            lines,
            [
                "reference acme/org/big-model:east",
                "name big model",
                "alias Big East",
                "model org/big-model",
                "routing backend:east",
                "sent as org/big-model:east",
                "window 64K",
                "max output 8K",
                "$ per M in / out $0.27 / $1.10",
                "tools yes",
                "reasoning yes",
            ]
        );
    }
}
