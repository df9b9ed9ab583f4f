//! Builds extras from request members without a field in the contract.

use provider_contract::contract::Extra;
use serde_json::Value;

/// The key under which plugins accept the members of a function within a tool or a call, so that each is sent at
/// its original depth.
const FUNCTION: &str = "function";

/// A string extra.
pub(crate) fn text(key: &str, text: &str) -> Extra {
    Extra {
        key: key.to_owned(),
        value_json: Value::from(text).to_string(),
    }
}

/// These members as an object extra, values as written.
pub(crate) fn object(key: &str, members: &[Extra]) -> Extra {
    let members: Vec<String> = members
        .iter()
        .map(|member| format!("{}:{}", Value::from(&*member.key), member.value_json))
        .collect();
    Extra {
        key: key.to_owned(),
        value_json: format!("{{{}}}", members.join(",")),
    }
}

/// The members of a function; none if it has none.
pub(crate) fn of_function(members: Vec<Extra>) -> Vec<Extra> {
    if members.is_empty() {
        members
    } else {
        vec![object(FUNCTION, &members)]
    }
}
