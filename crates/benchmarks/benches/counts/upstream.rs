//! In-memory upstream: the same chunks in the same order every time, which no network gives.

use std::convert::Infallible;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// The response to every request.
#[derive(Clone, Default)]
pub(crate) struct Upstream {
    content_type: &'static str,
    chunks: Vec<Bytes>,
    /// Whether the chunks arrive one after the other, with a pause.
    apart: bool,
}

impl Upstream {
    /// A stream in chunks of so many bytes, all available at once.
    pub(crate) fn stream(text: &str, chunk: usize) -> Self {
        Self {
            content_type: "text/event-stream",
            chunks: text
                .as_bytes()
                .chunks(chunk)
                .map(Bytes::copy_from_slice)
                .collect(),
            apart: false,
        }
    }

    /// The same, each chunk available when the one before was read, as tokens are generated.
    pub(crate) fn tokens(text: &str, chunk: usize) -> Self {
        Self {
            apart: true,
            ..Self::stream(text, chunk)
        }
    }

    /// JSON in chunks as a network would split it.
    pub(crate) fn json(text: &str) -> Self {
        Self {
            content_type: "application/json",
            ..Self::stream(text, 16 * 1024)
        }
    }
}

type Sent = Result<
    (
        Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Upstream {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let Self {
            content_type,
            chunks,
            apart,
        } = self.clone();
        Box::new(async move {
            // Reads the whole request, as an upstream would.
            request.into_body().collect().await?;
            let frames = futures::stream::iter(chunks).then(move |chunk| async move {
                if apart {
                    tokio::task::yield_now().await;
                }
                Ok::<_, Infallible>(Frame::data(chunk))
            });
            let body = StreamBody::new(frames);
            let body = body.map_err(|never| match never {}).boxed_unsync();
            let response = Response::builder().header(header::CONTENT_TYPE, content_type);
            let response = response.body(body).expect("a response");
            Ok((
                response,
                Box::new(async { Ok(()) }) as Box<dyn Future<Output = _> + Send>,
            ))
        })
    }
}
