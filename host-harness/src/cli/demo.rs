//! placeholder
use super::{Outcome, args::Global, terminal::Terminal};
pub(super) async fn run(_t: &Terminal, _g: &Global) -> Outcome { Ok(()) }
