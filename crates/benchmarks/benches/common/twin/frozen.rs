//! The twin with the protocol as it was at commit bc404fd.

mod protocol {
    pub(crate) use frozen_protocol::{catalog, contract, provider, reference, settings};

    /// With today's names.
    pub(crate) mod chat {
        pub(crate) use frozen_protocol::chat::{Exchange, Failure, FailureKind, Fold as Collector, Next};
    }

    use chat::Exchange;
    use contract::{
        settings::Snapshot,
        types::{ChatRequest, Error, ModelRef},
    };

    #[expect(clippy::result_large_err, reason = "the contract's error is a record")]
    pub(crate) fn begin(
        request: ChatRequest,
        model: ModelRef,
        snapshot: &Snapshot,
        seed: u64,
    ) -> Result<Exchange, Error> {
        Exchange::new(request, model, snapshot, seed)
    }
}

#[allow(clippy::duplicate_mod, reason = "the same calls with another protocol")]
#[path = "driver.rs"]
pub(crate) mod driver;
