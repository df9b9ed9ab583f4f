//! The expiry of an access key: a day or a time. Knows no keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The expiry of a key.
///
/// ```
/// use model_server::Expiry;
///
/// let expiry = Expiry::try_from("2027-01-31".to_owned())?;
/// assert_eq!(expiry.to_string(), "2027-01-31");
/// assert!(Expiry::try_from("soon".to_owned()).is_err());
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Expiry {
    text: String,
    seconds: i64,
}

impl Expiry {
    /// Whether it is over at this time, in seconds since 1970.
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.seconds <= i64::try_from(now).unwrap_or(i64::MAX)
    }
}

impl TryFrom<String> for Expiry {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let moment = if text.len() == "2027-01-31".len() {
            format!("{text}T00:00:00Z")
        } else {
            text.clone()
        };
        let moment = OffsetDateTime::parse(&moment, &Rfc3339);
        let moment = moment
            .map_err(|_| "expected a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z")?;
        Ok(Self {
            text,
            seconds: moment.unix_timestamp(),
        })
    }
}

impl From<Expiry> for String {
    fn from(expiry: Expiry) -> Self {
        expiry.text
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
