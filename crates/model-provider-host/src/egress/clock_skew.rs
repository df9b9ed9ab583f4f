//! Clock skew between the service and this machine, from the `date` headers of responses.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::SystemTime,
};

use http::{HeaderMap, header};

/// No response with a date yet.
const UNHEARD: i64 = i64::MIN;

/// The skew by the last response with a date.
#[derive(Debug)]
pub(super) struct Clock(AtomicI64);

impl Default for Clock {
    fn default() -> Self {
        Self(AtomicI64::new(UNHEARD))
    }
}

impl Clock {
    /// By how many seconds the service's clock is ahead.
    pub(super) fn ahead(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|ahead| *ahead != UNHEARD)
    }

    pub(super) fn hear(&self, headers: &HeaderMap) {
        let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
        let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
            return;
        };
        let seconds = |span: std::time::Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        let ahead = match theirs.duration_since(SystemTime::now()) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        };
        self.0.store(ahead, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_difference_is_that_of_the_last_date() {
        let clock = Clock::default();
        assert_eq!(clock.ahead(), None);
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, "yesterday".parse().unwrap());
        clock.hear(&headers);
        assert_eq!(clock.ahead(), None);
        let hour = Duration::from_secs(3600);
        for (time, about) in [
            (SystemTime::now() + hour, 3600),
            (SystemTime::now() - hour, -3600),
        ] {
            headers.insert(header::DATE, httpdate::fmt_http_date(time).parse().unwrap());
            clock.hear(&headers);
            let ahead = clock.ahead().unwrap();
            assert!((ahead - about).abs() < 60, "{ahead}");
        }
    }
}
