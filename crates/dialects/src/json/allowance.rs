//! The memory allowance of parsing one document, and why parsing stopped. A limit on the number of values would
//! refuse long conversations; no limit would let a small body become a large request.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

/// The nesting limit.
pub(crate) const DEEPEST: usize = 128;
/// Memory beside the document and its strings: this constant for any document, plus the size of the document. Far
/// more than a conversation needs, which consists mostly of strings: 20,000 messages, parts and calls fit into the
/// constant alone.
pub(crate) const LEAST: usize = 4 * 1024 * 1024;
/// The memory that an element of a list uses at most while it is read, besides its strings.
pub(crate) const ELEMENT: usize = 200;
/// The memory that a member of an object uses while it is read.
pub(crate) const MEMBER: usize = 72;
/// The memory that a passed-on member uses, besides its strings.
const PASSED_ON: usize = 128;

/// Why a document, or a part of it, cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// It is not JSON.
    Syntax(String),
    /// Nested too deeply.
    Deep,
    /// A string that is not valid Unicode, by its path.
    Surrogate(String),
    /// Too many small values for this many bytes of memory.
    Dense(usize),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => write!(f, "it is not JSON: {what}"),
            Self::Deep => write!(f, "it nests deeper than {DEEPEST} values"),
            Self::Surrogate(path) => write!(
                f,
                "`{path}` holds half of a surrogate pair (\\ud800 to \\udfff), which is not a character"
            ),
            Self::Dense(most) => write!(
                f,
                "it is made of too many small values: reading them takes more memory than the {most} bytes that a \
                 request of its size may take; send fewer messages, parts or members, or join short ones"
            ),
        }
    }
}

/// The remaining memory of parsing one document, and its first error. What is read after an error is incomplete, so
/// the caller has to check for one at the end.
#[derive(Debug)]
pub(crate) struct Allowance {
    most: usize,
    left: Cell<usize>,
    error: RefCell<Option<ParseError>>,
}

impl Allowance {
    pub(crate) fn of(document: &str) -> Self {
        let most = LEAST + document.len();
        Self {
            most,
            left: Cell::new(most),
            error: RefCell::new(None),
        }
    }

    /// Takes memory if this much is left; else records the error.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        match self.left.get().checked_sub(bytes) {
            Some(left) => self.left.set(left),
            None => self.note(ParseError::Dense(self.most)),
        }
        self.error.borrow().is_none()
    }

    /// Returns memory.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.left.set(self.left() + bytes);
    }

    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// Takes memory for a passed-on member.
    pub(crate) fn pass_on(&self) -> bool {
        self.take(PASSED_ON)
    }

    pub(crate) fn note(&self, error: ParseError) {
        self.error.borrow_mut().get_or_insert(error);
    }

    /// The first error.
    pub(crate) fn error(&self) -> Option<ParseError> {
        self.error.borrow().clone()
    }
}
