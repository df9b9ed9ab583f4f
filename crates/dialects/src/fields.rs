//! The handling of request members, as data: a dialect has a table of them, parses requests by it, and a
//! documentation page is generated from it. Knows no dialect.

/// The handling of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Sent to the model, as a field of the contract or a parameter of the upstream.
    Sent,
    /// Controls the response, and is not sent.
    Here,
    /// Echoed in the response, and not sent.
    Echoed,
    /// Accepted without effect, and without a loss for the response.
    Ignored,
    /// Left out, with a warning that names it.
    LeftOut,
    /// Refuses the request.
    Refused,
}

impl Handling {
    /// The text in the documentation.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Here => "handled here",
            Self::Echoed => "echoed",
            Self::Ignored => "accepted, without effect",
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
    /// Its handling.
    pub handling: Handling,
    /// How, or why: follows the member's name in an error and in the documentation.
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
#[must_use]
pub fn table(fields: &[Field]) -> String {
    let mut text = "| Member | Handling | Details |\n|---|---|---|\n".to_owned();
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
