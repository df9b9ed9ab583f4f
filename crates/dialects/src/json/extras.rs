//! Members that a request has beside the fields of the contract, put together for the plugin.

use provider_contract::contract::Extra;
use serde_json::Value;

/// The key under which plugins take the members of a function within a tool or a call, so that each leaves at the depth
/// at which it came.
const FUNCTION: &str = "function";

/// A member that is a text.
pub(crate) fn text(key: &str, text: &str) -> Extra {
    Extra {
        key: key.to_owned(),
        value_json: Value::from(text).to_string(),
    }
}

/// These members as an object, their values as they were written.
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
