//! What becomes of each member of a request, as data: a dialect has a table of them, reads requests by it, and a page of the
//! documentation is written from it. Knows no dialect.

/// What becomes of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It goes to the model, as a field of the contract or as the upstream's own parameter.
    Sent,
    /// It steers how the response is written, and goes nowhere.
    Here,
    /// It stands in the response again, and goes nowhere.
    Echoed,
    /// It is taken, and has no effect here that a response could lack.
    Ignored,
    /// It is left out, with a warning that names it.
    LeftOut,
    /// A request that has it is refused.
    Refused,
}

impl Handling {
    /// The word for it in the documentation.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Here => "handled here",
            Self::Echoed => "echoed",
            Self::Ignored => "taken, without effect",
            Self::LeftOut => "left out, with a warning",
            Self::Refused => "refused",
        }
    }
}

/// A member of a request.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub handling: Handling,
    /// How, or why: follows the member's name in an error, and stands beside it in the documentation.
    pub reason: &'static str,
}

/// A line of a table.
pub(crate) const fn field(name: &'static str, handling: Handling, reason: &'static str) -> Field {
    Field {
        name,
        handling,
        reason,
    }
}

/// The entry of a member, if the dialect knows it.
pub(crate) fn find(fields: &'static [Field], name: &str) -> Option<&'static Field> {
    fields.iter().find(|field| field.name == name)
}

/// A table as Markdown.
pub fn table(fields: &[Field]) -> String {
    let mut text = "| Member | What becomes of it | How, or why |\n|---|---|---|\n".to_owned();
    for field in fields {
        text += &format!(
            "| `{}` | {} | {} |\n",
            field.name,
            field.handling.word(),
            field.reason
        );
    }
    text
}
