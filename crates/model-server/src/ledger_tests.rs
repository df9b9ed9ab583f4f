//! Tests of the ledger: limits hold at any time and under concurrency.

use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::key_digest::KeyDigest;

const NOW: u64 = 20_000 * DAY + 12 * 60 * 60;

fn key() -> AccessKey {
    AccessKey::new("a", KeyDigest::of("x"))
}

fn usd(text: &str) -> Usd {
    Usd::parse(text).expect("an amount")
}

#[test]
fn no_minute_exceeds_the_request_limit() {
    let (ledger, mut key) = (Ledger::default(), key());
    key.requests_per_minute = NonZeroU32::new(3);
    for second in [0, 0, 30] {
        drop(ledger.enter(&key, NOW + second).expect("there is room"));
    }
    let reached = ledger.enter(&key, NOW + 50).err().expect("three are there");
    assert_eq!((reached.limit, reached.wait), (Limit::RequestsPerMinute, 10));
    assert!(ledger.enter(&key, NOW + 60).is_ok(), "two are a minute old");
    // The refused request did not count.
    assert!(ledger.enter(&key, NOW + 60).is_ok());
    assert_eq!(ledger.enter(&key, NOW + 60).err().expect("full again").wait, 30);
    // The limit was lowered meanwhile.
    key.requests_per_minute = NonZeroU32::new(1);
    assert_eq!(ledger.enter(&key, NOW + 61).err().expect("full").wait, 59);
}

#[test]
fn another_key_has_an_account_of_its_own() {
    let (ledger, mut one) = (Ledger::default(), key());
    (one.requests_per_minute, one.tokens_per_day) = (NonZeroU32::new(1), Some(10));
    let mut entered = ledger.enter(&one, NOW).expect("the first");
    entered.reserve(&one, 10, Usd::default(), NOW).expect("all of it");
    let other = AccessKey {
        name: "b".to_owned(),
        ..one.clone()
    };
    assert!(ledger.enter(&one, NOW).is_err());
    let mut entered = ledger.enter(&other, NOW).expect("not hurt");
    entered
        .reserve(&other, 10, Usd::default(), NOW)
        .expect("all of it");
}

#[test]
fn reservations_are_unavailable_to_others_until_settled() {
    let (ledger, mut key) = (Ledger::default(), key());
    key.usd_per_day = Some(usd("1"));
    let enter = || ledger.enter(&key, NOW).expect("there is money");
    let mut first = enter();
    first.reserve(&key, 5, usd("0.6"), NOW).expect("there is money");
    let mut second = enter();
    let reached = second.reserve(&key, 5, usd("0.6"), NOW).expect_err("not so much");
    assert_eq!((reached.limit, &*reached.used), (Limit::UsdPerDay, "0.60"));
    assert_eq!(reached.wait, DAY / 2, "until the day is over");
    assert_eq!(reached.too_much, None);
    let never = second
        .reserve(&key, 5, usd("1.01"), NOW)
        .expect_err("more than a day's");
    assert_eq!(never.too_much.as_deref(), Some("$1.01"));
    drop(second);
    first.settle(3, usd("0.1"), NOW);
    enter().reserve(&key, 5, usd("0.9"), NOW).expect("what is left");
    // Dropped without settlement, it counts as reserved.
    let usage = ledger.usage(NOW);
    assert_eq!((usage["a"].tokens, usage["a"].spent), (8, usd("1")));
    assert_eq!(
        ledger.enter(&key, NOW).err().expect("all is spent").limit,
        Limit::UsdPerDay
    );
}

#[test]
fn a_day_ends_at_midnight_and_clock_corrections_grant_nothing_twice() {
    let (ledger, mut key) = (Ledger::default(), key());
    key.tokens_per_day = Some(10);
    let midnight = 20_001 * DAY;
    ledger
        .enter(&key, midnight - 1)
        .expect("fresh")
        .settle(10, Usd::default(), midnight);
    assert!(ledger.enter(&key, midnight).is_err(), "it counts where it ended");
    assert!(
        ledger.enter(&key, midnight - 5).is_err(),
        "the clock was set back a little"
    );
    assert!(ledger.enter(&key, midnight + DAY).is_ok());
    assert!(
        ledger.enter(&key, midnight - 30 * DAY).is_ok(),
        "or was far ahead"
    );
}

#[test]
fn concurrent_requests_are_limited() {
    let (ledger, mut key) = (Ledger::default(), key());
    key.concurrent_requests = NonZeroU32::new(2);
    let first = ledger.enter(&key, NOW);
    let _second = ledger.enter(&key, NOW);
    assert_eq!(
        ledger.enter(&key, NOW).err().expect("two").limit,
        Limit::ConcurrentRequests
    );
    drop(first);
    assert!(ledger.enter(&key, NOW).is_ok());
}

#[test]
fn concurrent_threads_do_not_overspend() {
    let (ledger, mut key) = (Ledger::default(), key());
    key.tokens_per_day = Some(1_000);
    key.requests_per_minute = NonZeroU32::new(150);
    let admitted: u64 = std::thread::scope(|scope| {
        let asking = (0..8).map(|_| {
            scope.spawn(|| {
                let one = |()| {
                    let mut entered = ledger.enter(&key, NOW).ok()?;
                    entered.reserve(&key, 9, Usd::default(), NOW).ok()?;
                    std::thread::yield_now();
                    entered.settle(7, Usd::default(), NOW);
                    Some(())
                };
                std::iter::repeat_n((), 100).filter_map(one).count() as u64
            })
        });
        let asking: Vec<_> = asking.collect();
        asking.into_iter().map(|one| one.join().expect("no panic")).sum()
    });
    let usage = &ledger.usage(NOW)["a"];
    assert_eq!(usage.tokens, admitted * 7);
    assert!((100..=142).contains(&admitted), "{admitted}");
    assert!(usage.tokens <= 1_000 && usage.in_flight == 0);
}

proptest! {
    #[test]
    fn usage_within_reservations_never_exceeds_the_daily_limit(
        steps in prop::collection::vec((0u64..40, 0u64..40, 0u8..4), 0..60),
        most in 1u64..200,
    ) {
        let (ledger, mut key) = (Ledger::default(), key());
        key.tokens_per_day = Some(most);
        let cents = |count: u64| Usd::from_cents(count.try_into().expect("a small count"));
        key.usd_per_day = Some(cents(most));
        let mut open = Vec::new();
        for (wanted, used, how) in steps {
            if let Ok(mut entered) = ledger.enter(&key, NOW)
                && entered.reserve(&key, wanted, cents(wanted), NOW).is_ok()
            {
                open.push((entered, used.min(wanted)));
            }
            match how {
                0 => drop(open.pop()),
                1 => if let Some((entered, used)) = open.pop() {
                    entered.settle(used, cents(used), NOW);
                },
                _ => {}
            }
            let all = ledger.usage(NOW);
            let usage = all.get("a").cloned().unwrap_or_default();
            prop_assert!(usage.tokens <= most && usage.spent <= cents(most));
        }
        open.clear();
        let usage = ledger.usage(NOW).remove("a").unwrap_or_default();
        prop_assert_eq!((usage.in_flight, usage.open_tokens, usage.open_spend), (0, 0, Usd::default()));
    }
}
