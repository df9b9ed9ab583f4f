//! The options of a mock router. Knows nothing of HTTP.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// How a response body is split into chunks; each chunk is a separate write.
///
/// ```
/// use mock_router::Chunking;
///
/// assert_eq!("every:7".parse(), Ok(Chunking::Every(7)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Chunking {
    /// As the response defines it: one chunk per event of a stream.
    #[default]
    AsWritten,
    /// All in one chunk.
    Whole,
    /// One byte a chunk.
    Bytes,
    /// This many bytes a chunk.
    Every(usize),
    /// Two chunks: this many bytes, then the rest.
    SplitAt(usize),
    /// This many bytes, then the connection is closed.
    CutAt(usize),
}

impl FromStr for Chunking {
    type Err = String;

    /// Parses `as-written`, `whole`, `bytes`, `every:N`, `split:N` or `cut:N`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not one of as-written, whole, bytes, every:N, split:N, cut:N");
        match (text, text.split_once(':')) {
            ("as-written", _) => Ok(Self::AsWritten),
            ("whole", _) => Ok(Self::Whole),
            ("bytes", _) => Ok(Self::Bytes),
            (_, Some((how, count))) => {
                let count: usize = count.parse().map_err(|_| wrong())?;
                match how {
                    "every" if count > 0 => Ok(Self::Every(count)),
                    "split" => Ok(Self::SplitAt(count)),
                    "cut" => Ok(Self::CutAt(count)),
                    _ => Err(wrong()),
                }
            }
            _ => Err(wrong()),
        }
    }
}

/// Options of a mock router.
///
/// ```
/// use std::time::Duration;
///
/// use mock_router::{Chunking, MockOptions};
///
/// let options = MockOptions::default()
///     .chunking(Chunking::Every(7))
///     .pace(Duration::from_millis(5))
///     .scenario("tool-no-id");
/// ```
#[derive(Clone, Debug)]
pub struct MockOptions {
    pub(super) port: u16,
    pub(super) scenario: Option<String>,
    pub(super) replay: Vec<PathBuf>,
    pub(super) require_key: bool,
    pub(super) rejected_keys: Vec<String>,
    pub(super) chunking: Chunking,
    pub(super) pace: Duration,
}

impl Default for MockOptions {
    fn default() -> Self {
        Self {
            port: 0,
            scenario: None,
            replay: Vec::new(),
            require_key: true,
            rejected_keys: Vec::new(),
            chunking: Chunking::AsWritten,
            pace: Duration::from_millis(15),
        }
    }
}

impl MockOptions {
    /// For tests: no pauses between chunks.
    #[must_use]
    pub fn immediate() -> Self {
        Self::default().pace(Duration::ZERO)
    }

    /// The port to listen on; 0, the default, selects a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Uses this scenario from the start.
    #[must_use]
    pub fn scenario(mut self, name: impl Into<String>) -> Self {
        self.scenario = Some(name.into());
        self
    }

    /// Replays these recorded files, in this order; the last one repeats.
    #[must_use]
    pub fn replay<P: Into<PathBuf>>(mut self, files: impl IntoIterator<Item = P>) -> Self {
        self.replay.extend(files.into_iter().map(Into::into));
        self
    }

    /// Whether chat requires an `hf_` key, as the router does (the default); a replay never does.
    #[must_use]
    pub fn require_key(mut self, require: bool) -> Self {
        self.require_key = require;
        self
    }

    /// Refuses this key although it is well-formed, like a revoked one.
    #[must_use]
    pub fn reject_key(mut self, key: impl Into<String>) -> Self {
        self.rejected_keys.push(key.into());
        self
    }

    /// The default chunking of response bodies.
    #[must_use]
    pub fn chunking(mut self, chunking: Chunking) -> Self {
        self.chunking = chunking;
        self
    }

    /// The pause between the events of a response: 15 ms by default. Does not change the pauses of a scenario.
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }
}
