//! One call of an export, when it is the guest's turn. Knows no export.

use super::FairShare;
use crate::contract::Error;

/// What a call gives that may end in an error of the contract.
pub(super) type Fallible<T> = Result<T, Error>;

/// Guest code runs only when it is this guest's turn.
pub(super) async fn in_turn<F: Future>(share: Option<FairShare>, call: F) -> F::Output {
    match share {
        Some(share) => share.run(call).await,
        None => call.await,
    }
}
