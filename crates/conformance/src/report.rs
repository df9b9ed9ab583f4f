//! Report of the verdicts, as text, JSON and JUnit (for CI). This module must not know checks.

use std::{borrow::Cow, fmt::Write as _};

use model_provider_host::{CONTRACT_VERSION, contract::ProviderInfo, sanitize};
use serde::Serialize;

use crate::{
    check::{Check, Verdict},
    subject::Subject,
};

/// The verdict of one check.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Finding {
    /// The check.
    pub id: &'static str,
    /// `passed`, `failed` or `not-tested`.
    pub verdict: &'static str,
    /// The sentence of the contract.
    pub cites: &'static str,
    /// What the sentence requires here; of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What happened; of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<String>,
    /// Why it was not tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Finding {
    pub(crate) fn new(check: &Check, verdict: Verdict) -> Self {
        let (word, expected, seen, why) = match verdict {
            Verdict::Passed => ("passed", None, None, None),
            Verdict::Failed { expected, seen } => ("failed", Some(expected), Some(seen), None),
            Verdict::NotTested { why } => ("not-tested", None, None, Some(why)),
        };
        Self {
            id: check.id,
            verdict: word,
            cites: check.cites,
            expected,
            seen,
            why,
        }
    }
}

/// All findings about a component.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// The file.
    pub file: String,
    /// The provider's id, if it has one.
    pub provider: Option<String>,
    /// The plugin's version.
    pub version: Option<String>,
    /// The version of the contract that it was judged by.
    pub contract: &'static str,
    /// Whether no violation was found.
    pub conforms: bool,
    /// How many checks passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// How many could not be provoked.
    pub not_tested: usize,
    /// Each check, in order.
    pub findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(subject: &Subject, info: &ProviderInfo, findings: Vec<Finding>) -> Self {
        let count = |word: &str| findings.iter().filter(|finding| finding.verdict == word).count();
        let (passed, failed, not_tested) = (count("passed"), count("failed"), count("not-tested"));
        Self {
            file: subject.path.display().to_string(),
            provider: Some(info.id.clone()),
            version: Some(info.version.clone()),
            contract: CONTRACT_VERSION,
            // Without a passed check there is no evidence.
            conforms: failed == 0 && passed > 0,
            passed,
            failed,
            not_tested,
            findings,
        }
    }

    /// The report for a component that cannot describe itself.
    pub(crate) fn unusable(subject: &Subject, verdict: Verdict) -> Self {
        let check = Check {
            id: "describe/answers",
            cites: "Describes the plugin. Always the same; uses neither network nor settings.",
            run: |_| Box::pin(async { Ok(()) }),
        };
        Self {
            file: subject.path.display().to_string(),
            provider: None,
            version: None,
            contract: CONTRACT_VERSION,
            conforms: false,
            passed: 0,
            failed: 1,
            not_tested: 0,
            findings: vec![Finding::new(&check, verdict)],
        }
    }

    /// As text: failures in full, untested checks in a line each, passed checks as counts. Texts of the plugin are
    /// one line each: they cannot forge a line of the report.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "{} {} · {} · contract {}",
            sanitize::name(self.provider.as_deref().unwrap_or("(no provider)")),
            sanitize::name(self.version.as_deref().unwrap_or("")),
            sanitize::line(&self.file),
            self.contract
        );
        let mut group = "";
        for finding in &self.findings {
            let of = finding.id.split('/').next().unwrap_or_default();
            if of != group {
                group = of;
                let all = self
                    .findings
                    .iter()
                    .filter(|finding| finding.id.split('/').next() == Some(of));
                let passed = all.clone().filter(|finding| finding.verdict == "passed").count();
                let _ = writeln!(out, "\n{of}: {passed} of {} passed", all.count());
            }
            match finding.verdict {
                "failed" => {
                    let _ = writeln!(out, "  ✗ {}", finding.id);
                    let _ = writeln!(out, "    the contract says: {}", finding.cites);
                    let _ = writeln!(out, "    expected: {}", one_line(finding.expected.as_deref()));
                    let _ = writeln!(out, "    seen: {}", one_line(finding.seen.as_deref()));
                }
                "not-tested" => {
                    let why = one_line(finding.why.as_deref());
                    let _ = writeln!(out, "  – {}: not tested, {why}", finding.id);
                }
                _ => {}
            }
        }
        let _ = write!(
            out,
            "\n{}: {} passed, {} failed, {} not tested",
            match (self.conforms, self.failed) {
                (true, _) => "conforms",
                (false, 0) => "nothing was tested",
                (false, _) => "does not conform",
            },
            self.passed,
            self.failed,
            self.not_tested
        );
        out
    }

    /// For CI servers: JUnit's XML.
    #[must_use]
    pub fn junit(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let total = self.findings.len();
        let _ = writeln!(
            out,
            "<testsuites tests=\"{total}\" failures=\"{}\" skipped=\"{}\">\n  <testsuite name=\"{}\" tests=\"{total}\" \
             failures=\"{}\" skipped=\"{}\">",
            self.failed,
            self.not_tested,
            xml(&format!(
                "openclaw:model-provider@{} {}",
                self.contract,
                self.provider.as_deref().unwrap_or(&self.file)
            )),
            self.failed,
            self.not_tested
        );
        for finding in &self.findings {
            let (group, name) = finding.id.split_once('/').unwrap_or(("", finding.id));
            let _ = write!(
                out,
                "    <testcase classname=\"{}\" name=\"{}\"",
                xml(group),
                xml(name)
            );
            let _ = match (&finding.expected, &finding.seen, &finding.why) {
                (Some(expected), Some(seen), _) => writeln!(
                    out,
                    ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                    xml(&format!("expected: {expected}; seen: {seen}")),
                    xml(&format!("the contract says: {}", finding.cites))
                ),
                (_, _, Some(why)) => {
                    writeln!(
                        out,
                        ">\n      <skipped message=\"{}\"/>\n    </testcase>",
                        xml(why)
                    )
                }
                _ => writeln!(out, "/>"),
            };
        }
        out.push_str("  </testsuite>\n</testsuites>");
        out
    }
}

fn one_line(text: Option<&str>) -> Cow<'_, str> {
    sanitize::line(text.unwrap_or_default())
}

/// Escapes text for XML 1.0.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_says_cannot_forge_a_line_of_the_text() {
        const FORGED: &str = "no\n  \u{2713} forged\r\n\nconforms: 9 passed\u{1b}[31m\u{202e}";
        let finding = |verdict| Finding {
            id: "describe/answers",
            verdict,
            cites: "A sentence.",
            expected: Some(FORGED.to_owned()),
            seen: Some(FORGED.to_owned()),
            why: Some(FORGED.to_owned()),
        };
        let report = Report {
            file: FORGED.to_owned(),
            provider: Some(FORGED.to_owned()),
            version: Some(FORGED.to_owned()),
            contract: CONTRACT_VERSION,
            conforms: false,
            passed: 0,
            failed: 1,
            not_tested: 1,
            findings: vec![finding("failed"), finding("not-tested")],
        };
        let text = report.text();
        assert!(!text.contains(['\r', '\u{1b}', '\u{202e}']), "{text}");
        let forged = |line: &str| line.trim_start().starts_with('\u{2713}') || line.starts_with("conforms");
        assert!(!text.lines().any(forged), "{text}");
    }

    #[test]
    fn what_a_plugin_says_cannot_break_the_xml() {
        assert_eq!(xml("a<b>&\"\u{0}\n"), "a&lt;b&gt;&amp;&quot;\u{fffd} ");
    }
}
