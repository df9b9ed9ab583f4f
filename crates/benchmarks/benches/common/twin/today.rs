//! The twin with the current protocol.

mod protocol {
    pub(crate) use chat_completions::chat;
    pub(crate) use huggingface_protocol::{catalog, contract, provider, reference, settings};

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
        Exchange::new(&provider::UPSTREAM, request, model.into(), snapshot, seed)
    }
}

#[path = "driver.rs"]
pub(crate) mod driver;
