//! How much memory the reading of one document may take, and why it stopped. A limit on the number of values would refuse
//! long conversations, and none at all would let a small body become a large request.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

/// Values within values.
pub(crate) const DEEPEST: usize = 128;
/// Memory that may be taken beside the document and the texts in it: so much for any document, and as much again as it
/// has bytes. Far more than an agent's conversation takes, which is made of texts: 20,000 messages, parts and calls fit
/// into the least.
pub(crate) const LEAST: usize = 4 * 1024 * 1024;
/// What is taken for an element of a list that is looked at, whatever becomes of it: at most so much, beside its texts.
pub(crate) const ELEMENT: usize = 200;
/// What is taken for a member of an object while that is looked at.
pub(crate) const MEMBER: usize = 72;
/// What is taken for a member that is passed on, beside its texts.
const PASSED_ON: usize = 128;

/// Why a document, or a part of it, cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON.
    Syntax(String),
    /// Too many values within each other.
    Deep,
    /// A text that is not Unicode, by its path.
    Surrogate(String),
    /// Too many small values: so many bytes of memory do not hold what they become.
    Dense(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => write!(f, "it is not JSON: {what}"),
            Self::Deep => write!(f, "it nests deeper than {DEEPEST} values"),
            Self::Surrogate(path) => write!(
                f,
                "`{path}` holds half of a surrogate pair (\\ud800 to \\udfff), which is no character"
            ),
            Self::Dense(most) => write!(
                f,
                "it is made of too many small values: reading them takes more memory than the {most} bytes that a \
                 request of its size may take; send fewer messages, parts or members, or join short ones"
            ),
        }
    }
}

/// How much memory the reading of one document may still take, and the first fault that was met. What is read after it is
/// incomplete, so whoever reads a document asks for it in the end.
#[derive(Debug)]
pub(crate) struct Allowance {
    most: usize,
    left: Cell<usize>,
    fault: RefCell<Option<Fault>>,
}

impl Allowance {
    pub(crate) fn of(document: &str) -> Self {
        let most = LEAST + document.len();
        Self {
            most,
            left: Cell::new(most),
            fault: RefCell::new(None),
        }
    }

    /// Whether there is so much left; notes the fault if not.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        match self.left.get().checked_sub(bytes) {
            Some(left) => self.left.set(left),
            None => self.note(Fault::Dense(self.most)),
        }
        self.fault.borrow().is_none()
    }

    /// What was taken is free again.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.left.set(self.left() + bytes);
    }

    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// For a member that is passed on.
    pub(crate) fn pass_on(&self) -> bool {
        self.take(PASSED_ON)
    }

    pub(crate) fn note(&self, fault: Fault) {
        self.fault.borrow_mut().get_or_insert(fault);
    }

    /// What went wrong first.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.borrow().clone()
    }
}
