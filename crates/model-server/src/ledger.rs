//! The ledger of keys: requests of the last minute, tokens and dollars of the day, and reservations of requests in
//! flight. Usage is reserved before a request and settled after it. Knows no HTTP, no prices and no files.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{AccessKey, Usd};

/// Seconds of a minute and of a day.
const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * 60;

/// All accounts. Cheap to clone; clones are the same accounts.
#[derive(Clone, Default)]
pub(super) struct Ledger(Arc<Accounts>);

#[derive(Default)]
struct Accounts {
    usage: Mutex<BTreeMap<String, Usage>>,
    /// Called after each change.
    on_change: Option<Box<dyn Fn() + Send + Sync>>,
}

/// The usage of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// The current day, since 1970.
    pub(super) day: u64,
    pub(super) tokens: u64,
    pub(super) spent: Usd,
    /// Reservations of requests in flight.
    open_tokens: u64,
    open_spend: Usd,
    in_flight: u32,
    /// Requests of the last minute, by second of arrival.
    pub(super) minute: VecDeque<(u64, u32)>,
}

/// A reached limit of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) limit: Limit,
    /// The limit's value.
    pub(super) allowed: String,
    /// The usage, including reservations.
    pub(super) used: String,
    /// What the request may use, if that is more than the limit: it never fits.
    pub(super) too_much: Option<String>,
    /// Seconds until the limit allows more.
    pub(super) wait: u64,
}

/// The limits of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    RequestsPerMinute,
    ConcurrentRequests,
    TokensPerDay,
    UsdPerDay,
}

/// A charged request in flight. A reservation counts as usage unless it is settled or released: disconnecting early
/// saves nothing.
pub(super) struct Entered {
    accounts: Arc<Accounts>,
    name: String,
    tokens: u64,
    spend: Usd,
    is_settled: bool,
}

impl Ledger {
    /// A ledger that continues from this usage.
    pub(super) fn going_on(
        usage: impl IntoIterator<Item = (String, Usage)>,
        on_change: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Accounts {
            usage: Mutex::new(usage.into_iter().collect()),
            on_change: Some(Box::new(on_change)),
        }))
    }

    /// Admits and counts a request, unless a limit of its key is reached; `now` is in seconds since 1970.
    pub(super) fn enter(&self, key: &AccessKey, now: u64) -> Result<Entered, Reached> {
        let mut all = self.0.lock();
        let usage = all.entry(key.name.clone()).or_default();
        usage.roll(now);
        if let Some(most) = key.requests_per_minute {
            usage.minute_left(most.get(), now)?;
        }
        if let Some(most) = key.concurrent_requests
            && usage.in_flight >= most.get()
        {
            return Err(Reached {
                limit: Limit::ConcurrentRequests,
                allowed: most.to_string(),
                used: usage.in_flight.to_string(),
                too_much: None,
                wait: 1,
            });
        }
        usage.day_left(key, 0, Usd::default(), now)?;
        usage.in_flight += 1;
        match usage.minute.back_mut() {
            // After the clock was set back, the last known second counts.
            Some((second, count)) if *second >= now => *count += 1,
            _ => usage.minute.push_back((now, 1)),
        }
        drop(all);
        self.0.changed();
        Ok(Entered {
            accounts: Arc::clone(&self.0),
            name: key.name.clone(),
            tokens: 0,
            spend: Usd::default(),
            is_settled: false,
        })
    }

    /// The usage of every key, including open reservations: if this process ended now, they would count.
    pub(super) fn usage(&self, now: u64) -> BTreeMap<String, Usage> {
        let mut all = self.0.lock().clone();
        for usage in all.values_mut() {
            usage.roll(now);
            usage.tokens = usage.tokens.saturating_add(usage.open_tokens);
            usage.spent = usage.spent.saturating_add(usage.open_spend);
        }
        all
    }
}

impl Accounts {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Usage>> {
        // No update under this lock is partial.
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        if let Some(on_change) = &self.on_change {
            on_change();
        }
    }
}

impl Usage {
    /// As stored: no request is in flight.
    pub(super) fn stored(day: u64, tokens: u64, spent: Usd, minute: VecDeque<(u64, u32)>) -> Self {
        Self {
            day,
            tokens,
            spent,
            minute,
            ..Self::default()
        }
    }

    /// A new day starts at zero; open reservations are carried over.
    fn roll(&mut self, now: u64) {
        let today = now / DAY;
        // A small clock correction does not grant the day's limit again.
        if today != self.day && today + 1 != self.day {
            self.day = today;
            self.tokens = 0;
            self.spent = Usd::default();
        }
        while self
            .minute
            .front()
            .is_some_and(|(second, _)| second + MINUTE <= now)
        {
            self.minute.pop_front();
        }
        // A clock that was far ahead.
        if self
            .minute
            .back()
            .is_some_and(|(second, _)| *second > now + MINUTE)
        {
            self.minute.clear();
        }
    }

    fn minute_left(&self, most: u32, now: u64) -> Result<(), Reached> {
        let used: u32 = self.minute.iter().map(|(_, count)| count).sum();
        if used < most {
            return Ok(());
        }
        // The time until enough of them are a minute old.
        let mut left = used;
        let free = self.minute.iter().find(|(_, count)| {
            left -= count;
            left < most
        });
        Err(Reached {
            limit: Limit::RequestsPerMinute,
            allowed: most.to_string(),
            used: used.to_string(),
            too_much: None,
            wait: free
                .map_or(MINUTE, |(second, _)| (second + MINUTE).saturating_sub(now))
                .max(1),
        })
    }

    /// Whether the day's limit has anything left, and at least this much.
    fn day_left(&self, key: &AccessKey, tokens: u64, spend: Usd, now: u64) -> Result<(), Reached> {
        let wait = DAY - now % DAY;
        if let Some(most) = key.tokens_per_day {
            let used = self.tokens.saturating_add(self.open_tokens);
            if used >= most || used.saturating_add(tokens) > most {
                return Err(Reached {
                    limit: Limit::TokensPerDay,
                    allowed: most.to_string(),
                    used: used.to_string(),
                    too_much: (tokens > most).then(|| format!("{tokens} tokens")),
                    wait,
                });
            }
        }
        if let Some(most) = key.usd_per_day {
            let used = self.spent.saturating_add(self.open_spend);
            if used >= most || used.saturating_add(spend) > most {
                return Err(Reached {
                    limit: Limit::UsdPerDay,
                    allowed: most.to_string(),
                    used: used.to_string(),
                    too_much: (spend > most).then(|| format!("${spend}")),
                    wait,
                });
            }
        }
        Ok(())
    }
}

impl Entered {
    /// Reserves the possible usage of the request; once.
    pub(super) fn reserve(
        &mut self,
        key: &AccessKey,
        tokens: u64,
        spend: Usd,
        now: u64,
    ) -> Result<(), Reached> {
        let mut all = self.accounts.lock();
        let usage = all.entry(self.name.clone()).or_default();
        usage.roll(now);
        usage.day_left(key, tokens, spend, now)?;
        usage.open_tokens = usage.open_tokens.saturating_add(tokens);
        usage.open_spend = usage.open_spend.saturating_add(spend);
        (self.tokens, self.spend) = (tokens, spend);
        drop(all);
        self.accounts.changed();
        Ok(())
    }

    /// The reservation.
    pub(super) fn reserved(&self) -> (u64, Usd) {
        (self.tokens, self.spend)
    }

    /// Settles the request with its actual usage.
    pub(super) fn settle(mut self, tokens: u64, spend: Usd, now: u64) {
        self.close(tokens, spend, Some(now));
    }

    fn close(&mut self, tokens: u64, spend: Usd, now: Option<u64>) {
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        let mut all = self.accounts.lock();
        let usage = all.entry(self.name.clone()).or_default();
        if let Some(now) = now {
            usage.roll(now);
        }
        usage.in_flight = usage.in_flight.saturating_sub(1);
        usage.open_tokens = usage.open_tokens.saturating_sub(self.tokens);
        usage.open_spend = usage.open_spend.saturating_sub(self.spend);
        usage.tokens = usage.tokens.saturating_add(tokens);
        usage.spent = usage.spent.saturating_add(spend);
        drop(all);
        self.accounts.changed();
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.close(self.tokens, self.spend, None);
    }
}

impl Limit {
    /// Its name in metrics, in the audit log and in errors.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests-per-minute",
            Self::ConcurrentRequests => "concurrent-requests",
            Self::TokensPerDay => "tokens-per-day",
            Self::UsdPerDay => "usd-per-day",
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
