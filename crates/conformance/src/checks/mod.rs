//! All checks, one file for each group.

mod completions;
mod describe;
mod error_details;
mod errors;
mod events;
mod list;
mod list_rows;
mod meanings;
mod nonblocking;
mod references;
mod request;
mod request_exact;
mod request_parts;
mod response;
mod sent;
mod settings;
mod turns;

use crate::check::Check;

/// All groups, in the order of a report.
pub(crate) const ALL: &[&[Check]] = &[
    describe::CHECKS,
    references::CHECKS,
    meanings::CHECKS,
    list::CHECKS,
    list_rows::CHECKS,
    request::CHECKS,
    request_parts::CHECKS,
    request_exact::CHECKS,
    events::CHECKS,
    completions::CHECKS,
    response::CHECKS,
    turns::CHECKS,
    errors::CHECKS,
    error_details::CHECKS,
    settings::CHECKS,
    nonblocking::CHECKS,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    const WIT: &str = include_str!("../../../../wit/provider.wit");

    /// The comments of the contract as running text.
    fn sentences() -> String {
        let lines = WIT.lines().map(str::trim);
        let words = lines.map(|line| line.strip_prefix("///").map_or(" | ", str::trim));
        let text = words.collect::<Vec<_>>().join(" ").replace("* ", "");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_check_cites_a_sentence_of_the_contract_word_for_word() {
        let contract = sentences();
        for check in crate::checks() {
            assert!(
                contract.contains(check.cites),
                "{} cites: {}",
                check.id,
                check.cites
            );
        }
    }

    #[test]
    fn no_two_checks_have_the_same_name() {
        let mut seen = HashSet::new();
        for check in crate::checks() {
            assert!(seen.insert(check.id), "{}", check.id);
            assert!(check.id.contains('/'), "{}", check.id);
        }
    }
}
