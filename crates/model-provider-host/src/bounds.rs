//! Bounds on a plugin's output beside the response: number of warnings, length of messages. They bound everything
//! that is shown, logged, stored or served afterwards.

use wasmtime::component::ResourceAny;

use crate::contract::{self, ModelCatalog, ModelRef, Progress, Warning, types::ChatResponse};

/// The most warnings of one result; one more says how many were dropped.
const MOST_WARNINGS: usize = 100;
const MOST_SUGGESTIONS: usize = 100;
/// The longest message or hint, in bytes.
const LONGEST_MESSAGE: usize = 16 * 1024;
/// The longest code, suggestion or name of a backend.
const LONGEST_WORD: usize = 1024;

/// A plugin's result that can be truncated to the bounds.
pub(crate) trait Bounded: Sized {
    /// The result, truncated to the bounds.
    #[must_use]
    fn bounded(self) -> Self;
}

impl<T: Bounded> Bounded for Result<T, contract::Error> {
    fn bounded(self) -> Self {
        self.map(Bounded::bounded).map_err(Bounded::bounded)
    }
}

impl Bounded for ResourceAny {
    fn bounded(self) -> Self {
        self
    }
}

impl Bounded for ModelCatalog {
    fn bounded(mut self) -> Self {
        warnings(&mut self.warnings);
        self
    }
}

impl Bounded for ModelRef {
    fn bounded(mut self) -> Self {
        warnings(&mut self.warnings);
        self
    }
}

impl Bounded for ChatResponse {
    fn bounded(mut self) -> Self {
        warnings(&mut self.summary.warnings);
        self
    }
}

impl Bounded for Progress {
    fn bounded(mut self) -> Self {
        if let Some(summary) = &mut self.finished {
            warnings(&mut summary.warnings);
        }
        self
    }
}

impl Bounded for contract::Error {
    fn bounded(mut self) -> Self {
        shorten(&mut self.message, LONGEST_MESSAGE);
        if let Some(hint) = &mut self.hint {
            shorten(hint, LONGEST_MESSAGE);
        }
        for word in [&mut self.code, &mut self.backend, &mut self.request_id]
            .into_iter()
            .flatten()
        {
            shorten(word, LONGEST_WORD);
        }
        self.suggestions.truncate(MOST_SUGGESTIONS);
        for suggestion in &mut self.suggestions {
            shorten(suggestion, LONGEST_WORD);
        }
        self
    }
}

fn warnings(warnings: &mut Vec<Warning>) {
    let more = warnings.len().saturating_sub(MOST_WARNINGS);
    warnings.truncate(MOST_WARNINGS);
    for warning in &mut *warnings {
        shorten(&mut warning.code, LONGEST_WORD);
        shorten(&mut warning.message, LONGEST_MESSAGE);
    }
    if more > 0 {
        warnings.push(Warning {
            code: "more-warnings".to_owned(),
            message: format!("{more} more warnings are left out"),
        });
    }
}

fn shorten(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_warnings_are_counted_and_long_messages_cut() {
        let mut many = vec![
            Warning {
                code: "c".into(),
                message: "é".repeat(LONGEST_MESSAGE),
            };
            200_000
        ];
        warnings(&mut many);
        assert_eq!(many.len(), MOST_WARNINGS + 1);
        assert_eq!(many[MOST_WARNINGS].message, "199900 more warnings are left out");
        assert_eq!(many[0].message.len(), LONGEST_MESSAGE + '…'.len_utf8());
        let mut few = many[..2].to_vec();
        warnings(&mut few);
        assert_eq!(few.len(), 2);
    }
}
