//! Orders in the built file itself, so that one build gives many plugins: a test overwrites them with other ones of the
//! same length.

use alloc::borrow::ToOwned;

use alloc::string::String;

/// Behind the mark: `name=value;` in any number, then blanks.
#[used]
static ORDERS: [u8; 512] = padded(b"orders:");

const fn padded(mark: &[u8]) -> [u8; 512] {
    let mut bytes = [b' '; 512];
    let mut at = 0;
    while at < mark.len() {
        bytes[at] = mark[at];
        at += 1;
    }
    bytes
}

/// The order of this name.
pub(crate) fn order(name: &str) -> Option<String> {
    // As data that the compiler cannot know: it is overwritten after the build.
    let bytes = core::hint::black_box(&ORDERS);
    let text = core::str::from_utf8(bytes).ok()?.strip_prefix("orders:")?;
    text.split(';')
        .filter_map(|order| order.split_once('='))
        .find_map(|(key, value)| (key == name).then(|| value.to_owned()))
}
