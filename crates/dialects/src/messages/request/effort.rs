//! The reasoning effort, from the dialect's two settings of it.
//!
//! An explicit effort wins over a token budget. Whether a model supports an effort is the plugin's concern.

use crate::{ending::RequestNotes, json::Node};
use provider_contract::Result;

/// Budgets below these limits map to these efforts; above all of them the effort is `high`.
const BUDGETS: [(u32, &str); 2] = [(4096, "low"), (16_384, "medium")];

/// The settings of a request.
#[derive(Debug, Default)]
pub(super) struct Effort {
    named: Option<String>,
    of_budget: Option<&'static str>,
    is_disabled: bool,
}

impl Effort {
    /// Reads `thinking`.
    pub(super) fn thinking(&mut self, thinking: &Node<'_>, notes: &mut RequestNotes) -> Result<()> {
        let kind = thinking.need("type")?;
        match &*kind.text()? {
            "enabled" => {
                let budget = thinking.need("budget_tokens")?.count()?;
                let within = BUDGETS.iter().find(|(below, _)| budget < *below);
                self.of_budget = Some(within.map_or("high", |(_, effort)| effort));
            }
            // The model decides, which is also the default.
            "adaptive" | "between_tools" => {}
            "disabled" => {
                self.is_disabled = true;
                notes.warn(
                    "thinking-not-disabled",
                    "`thinking` cannot be disabled for every model, so that this was not passed on; reasoning, if \
                     there is any, is in `thinking` blocks",
                );
            }
            _ => return Err(kind.wrong("`enabled`, `disabled` or `adaptive`")),
        }
        // Reasoning without its text could not be sent back to the model: there is no other copy of it in the
        // signature here.
        notes
            .left_out
            .extend(thinking.unknown_paths(&["type", "budget_tokens", "display"]));
        Ok(())
    }

    /// Reads the `effort` of an `output_config`; the last one wins.
    pub(super) fn config(&mut self, config: &Node<'_>) -> Result<()> {
        let Some(effort) = config.field("effort") else {
            return Ok(());
        };
        let word = effort.string()?;
        self.named = Some(match &*word {
            "low" | "medium" | "high" | "xhigh" => word,
            // The contract's highest effort.
            "max" => "xhigh".to_owned(),
            _ => return Err(effort.wrong("`low`, `medium`, `high`, `xhigh` or `max`")),
        });
        Ok(())
    }

    /// The contract's effort.
    pub(super) fn word(self) -> Option<String> {
        if self.is_disabled {
            return None;
        }
        self.named.or_else(|| self.of_budget.map(str::to_owned))
    }
}
