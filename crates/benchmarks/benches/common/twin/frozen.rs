//! The twin with the protocol as it was at commit bc404fd.

mod protocol {
    pub(crate) use frozen_protocol::{catalog, chat, contract, provider, reference, settings};

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
