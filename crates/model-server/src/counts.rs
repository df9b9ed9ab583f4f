//! The server's own metrics, in addition to its host's: by key, by reason of refusal. Labels are names chosen by the
//! operator and constants of this crate, never a client's text.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode_registry},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};

use super::{Usd, audit::AuditState, ledger::Ledger, ledger_file::now};

/// The label of requests without a named key.
pub(super) const NO_KEY: &str = "-";
/// The end of a metrics page.
const END: &str = "# EOF\n";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    key: String,
    dialect: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    key: String,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tokens {
    key: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Key {
    key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    outcome: &'static str,
}

type Dollars = Family<Key, Counter<f64, AtomicU64>>;

/// Metrics since the start of the server.
pub(super) struct Counts {
    registry: Registry,
    requests: Family<Outcome, Counter>,
    refusals: Family<Refusal, Counter>,
    tokens: Family<Tokens, Counter>,
    spend: Dollars,
    reloads: Family<Reload, Counter>,
}

impl Counts {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("model_server");
        let requests = Family::default();
        registry.register(
            "requests",
            "Requests, by access key, dialect and outcome",
            requests.clone(),
        );
        let refusals = Family::default();
        let help = "Requests that were refused, by access key and reason";
        registry.register("refusals", help, refusals.clone());
        let tokens = Family::default();
        registry.register("tokens", "Tokens, by access key and kind", tokens.clone());
        let spend = Dollars::default();
        let unit = Unit::Other("dollars".to_owned());
        registry.register_with_unit(
            "spend",
            "Cost of the responses, by access key",
            unit,
            spend.clone(),
        );
        let reloads = Family::default();
        registry.register("reloads", "Reloads of the configuration", reloads.clone());
        Self {
            registry,
            requests,
            refusals,
            tokens,
            spend,
            reloads,
        }
    }

    pub(super) fn request(&self, key: &str, dialect: &'static str, outcome: &'static str) {
        let key = key.to_owned();
        let labels = Outcome {
            key,
            dialect,
            outcome,
        };
        self.requests.get_or_create(&labels).inc();
    }

    pub(super) fn refused(&self, key: &str, reason: &'static str) {
        let key = key.to_owned();
        self.refusals.get_or_create(&Refusal { key, reason }).inc();
    }

    pub(super) fn used(&self, key: &str, input: Option<u32>, output: Option<u32>, cost: Option<Usd>) {
        for (kind, count) in [("input", input), ("output", output)] {
            if let Some(count) = count {
                let key = key.to_owned();
                self.tokens
                    .get_or_create(&Tokens { key, kind })
                    .inc_by(count.into());
            }
        }
        if let Some(cost) = cost {
            let key = key.to_owned();
            self.spend.get_or_create(&Key { key }).inc_by(cost.as_f64());
        }
    }

    pub(super) fn reloaded(&self, is_done: bool) {
        let outcome = if is_done { "done" } else { "refused" };
        self.reloads.get_or_create(&Reload { outcome }).inc();
    }

    /// The host's metrics page with these metrics added.
    pub(super) fn page(
        &self,
        host: &str,
        ledger: &Ledger,
        audit: Option<AuditState>,
        is_ready: bool,
        is_usage_kept: bool,
    ) -> String {
        let mut more = Registry::with_prefix("model_server");
        let ready = ConstGauge::new(i64::from(is_ready));
        more.register("ready", "Whether /readyz reports ready", ready);
        let stored = ConstGauge::new(i64::from(is_usage_kept));
        more.register("usage_kept", "Whether the usage of keys is stored", stored);
        let tokens = Family::<Key, Gauge>::default();
        let spend = Family::<Key, Gauge<f64, AtomicU64>>::default();
        for (key, usage) in ledger.usage(now()) {
            let labels = Key { key };
            let today = i64::try_from(usage.tokens).unwrap_or(i64::MAX);
            tokens.get_or_create(&labels).set(today);
            spend.get_or_create(&labels).set(usage.spent.as_f64());
        }
        let help = "Tokens of the current day in UTC that count against the limit, including reservations";
        more.register("day_tokens", help, tokens);
        let help = "Dollars of the current day in UTC that count against the limit, including reservations";
        more.register("day_spend_dollars", help, spend);
        if let Some(audit) = audit {
            let help = "Records of the audit log that were written";
            more.register("audit_written", help, ConstCounter::new(audit.written));
            let help = "Records of the audit log that were dropped, because the disk was too slow";
            more.register("audit_dropped", help, ConstCounter::new(audit.dropped));
            let help = "Records of the audit log that could not be written";
            more.register("audit_failed", help, ConstCounter::new(audit.failed));
        }
        let mut page = host.strip_suffix(END).unwrap_or(host).to_owned();
        // Writing to a string does not fail.
        let _ = encode_registry(&mut page, &self.registry);
        let _ = encode_registry(&mut page, &more);
        page.push_str(END);
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_key_are_on_the_metrics_page() {
        let counts = Counts::new();
        counts.request("ci", "responses", "ok");
        counts.refused(NO_KEY, "unknown");
        counts.used("ci", Some(3), Some(4), Usd::parse("0.25"));
        let page = counts.page(
            "# TYPE x counter\nx_total 1\n# EOF\n",
            &Ledger::default(),
            None,
            true,
            true,
        );
        for line in [
            "x_total 1",
            r#"model_server_requests_total{key="ci",dialect="responses",outcome="ok"} 1"#,
            r#"model_server_refusals_total{key="-",reason="unknown"} 1"#,
            r#"model_server_tokens_total{key="ci",kind="output"} 4"#,
            r#"model_server_spend_dollars_total{key="ci"} 0.25"#,
            "model_server_ready 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}: {page}");
        }
        assert_eq!(page.matches("# EOF").count(), 1);
        assert!(page.ends_with(END));
    }
}
