//! One call of an export, in the guest's turn. Knows no export.

use super::FairShare;
use crate::contract::Error;

/// The result of a call that may return an error of the contract.
pub(super) type Fallible<T> = Result<T, Error>;

/// Runs a call of the guest under fair scheduling.
pub(super) async fn in_turn<F: Future>(share: Option<FairShare>, call: F) -> F::Output {
    match share {
        Some(share) => share.run(call).await,
        None => call.await,
    }
}
