//! One call of an export, in the guest's turn. Knows no export.

use super::FairShare;
use crate::contract::Error;

/// The result of a call that may return an error of the contract.
pub(super) type Fallible<T> = Result<T, Error>;

/// Runs a destructor of the guest without waiting for a turn: it holds the store that other calls wait for. Its time is
/// guest time as well.
pub(super) async fn at_once<F: Future + Unpin>(share: Option<FairShare>, call: F) -> F::Output {
    match share {
        Some(share) => share.run_at_once(call).await,
        None => call.await,
    }
}

/// Runs a call of the guest under fair scheduling. Callers pin it: a future holds its arguments twice, so that a call
/// passed by value would be copied, and twice as large, with each caller.
pub(super) async fn in_turn<F: Future + Unpin>(share: Option<FairShare>, call: F) -> F::Output {
    match share {
        Some(share) => share.run(call).await,
        None => call.await,
    }
}
