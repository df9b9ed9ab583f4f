//! Selects the choice of each chunk that is the response, where a server sends more than one.
//!
//! A request never has `n` above 1. A single choice in a chunk belongs to the response whatever its index is: some
//! servers count the parts of a response with it. An index that returns after another one means two parallel choices,
//! unless it says nothing but how the response ended; the first is the response. To detect this before text of the
//! other choice is emitted, the first chunk of a new index is held until the next chunk.

use alloc::{string::String, vec::Vec};
use core::mem;

use crate::wire::chunk::Chunk;

/// How many indices are stored.
const MOST: usize = 64;

/// What to do with a chunk's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Read,
    /// The choice is not the response's, or there is none.
    Pass,
    /// The next chunk decides.
    Hold,
}

/// Which choices occurred.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// The index of the first choice.
    first: Option<i64>,
    /// The index of the latest one.
    current: i64,
    /// The indices before it.
    seen: Vec<i64>,
    several: bool,
    /// The JSON of a held chunk.
    held: Option<String>,
}

impl Choices {
    /// The index of the choice that is read.
    pub(super) fn first(&self) -> Option<i64> {
        self.first
    }

    /// Whether there are several choices.
    pub(super) fn several(&self) -> bool {
        self.several
    }

    /// Decides about a chunk. A held chunk is dropped if it turns out to belong to another choice.
    pub(super) fn judge(&mut self, chunk: &Chunk<'_>) -> Verdict {
        let index = chunk.choice.index;
        let first = match self.first {
            _ if chunk.choices == 0 && chunk.calls.is_empty() => return Verdict::Pass,
            // Calls without a choice can only belong to the response.
            _ if chunk.choices == 0 => return Verdict::Read,
            Some(first) => first,
            None => {
                self.current = index;
                *self.first.insert(index)
            }
        };
        let is_new = index != self.current;
        let is_back = is_new && (index == first || self.seen.contains(&index));
        let is_silent = is_back && chunk.choice.is_silent();
        self.several |= chunk.choices > 1 || (is_back && !is_silent);
        if self.several {
            self.held = None;
            return if index == first {
                Verdict::Read
            } else {
                Verdict::Pass
            };
        }
        if !is_new {
            return Verdict::Read;
        }
        let before = mem::replace(&mut self.current, index);
        if is_silent && chunk.choice.finish_reason.is_none() {
            return Verdict::Read;
        }
        if self.seen.len() < MOST {
            self.seen.push(before);
        }
        if is_silent { Verdict::Read } else { Verdict::Hold }
    }

    /// Holds a chunk until it is known which choice it belongs to.
    pub(super) fn hold(&mut self, raw: &str) {
        self.held = Some(String::from(raw));
    }

    /// The held chunk, if it belongs to the response.
    pub(super) fn take_held(&mut self) -> Option<String> {
        self.held.take()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::{
        Verdict::{Hold, Pass, Read},
        *,
    };
    use crate::wire::chunk::Choice;

    fn verdicts(indices: &[i64]) -> (Vec<Verdict>, bool) {
        of_chunks(&indices.iter().map(|&index| (index, "a")).collect::<Vec<_>>())
    }

    fn of_chunks(chunks: &[(i64, &'static str)]) -> (Vec<Verdict>, bool) {
        let mut choices = Choices::default();
        let chunk = |(index, text)| Chunk {
            choices: 1,
            choice: Choice {
                index,
                text: Some(text).filter(|text: &&str| !text.is_empty()),
                ..Choice::default()
            },
            ..Chunk::default()
        };
        let verdicts = chunks.iter().map(|&said| choices.judge(&chunk(said)));
        (verdicts.collect(), choices.several())
    }

    #[test]
    fn an_index_that_counts_the_parts_is_one_choice() {
        assert_eq!(
            verdicts(&[0, 0, 1, 1, 2]),
            (vec![Read, Read, Hold, Read, Hold], false)
        );
        assert!(!verdicts(&[0, 1, 7, 2]).1);
    }

    #[test]
    fn a_returning_index_means_two_choices_and_the_first_is_read() {
        assert_eq!(verdicts(&[0, 1, 0, 1]), (vec![Read, Hold, Read, Pass], true));
        assert_eq!(verdicts(&[1, 0, 1, 0]), (vec![Read, Hold, Read, Pass], true));
        assert_eq!(verdicts(&[0, 1, 2, 1]), (vec![Read, Hold, Hold, Pass], true));
    }

    #[test]
    fn a_returning_index_that_says_nothing_means_no_second_choice() {
        let ends = [(0, "a"), (1, "b"), (0, ""), (1, "")];
        assert_eq!(of_chunks(&ends), (vec![Read, Hold, Read, Hold], false));
        let goes_on = [(0, "a"), (1, "b"), (0, ""), (1, "c"), (1, "d")];
        assert_eq!(of_chunks(&goes_on), (vec![Read, Hold, Read, Hold, Read], false));
        let mut choices = Choices::default();
        let chunk = |index, text, finish_reason| Chunk {
            choices: 1,
            choice: Choice {
                index,
                text,
                finish_reason,
                ..Choice::default()
            },
            ..Chunk::default()
        };
        let finished = [
            (0, Some("a"), None),
            (1, Some("b"), None),
            (0, None, Some("\"stop\"")),
            (1, Some("c"), None),
        ];
        let verdicts = finished.map(|(index, text, finish)| choices.judge(&chunk(index, text, finish)));
        assert_eq!((verdicts, choices.several()), ([Read, Hold, Read, Pass], true));
        let two = [(0, "a"), (1, "b"), (0, ""), (0, "c"), (1, "d"), (0, "e")];
        assert_eq!(of_chunks(&two), (vec![Read, Hold, Read, Read, Hold, Read], true));
    }
}
