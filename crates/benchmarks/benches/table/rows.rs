//! Rows of a table: printed as they are measured, so that a long run shows its progress, and again after several
//! runs, with the ratios of all of them.

use std::io::Write as _;

use crate::common::measure::Pair;

struct Row {
    what: String,
    target: String,
    measured: String,
    native: String,
    ratios: Vec<f64>,
}

impl Row {
    fn write(&self) {
        let Self {
            what,
            target,
            measured,
            native,
            ..
        } = self;
        println!("| {what} | {target} | {measured} | {native} | {} |", self.ratio());
        let _ = std::io::stdout().flush();
    }

    /// From the lowest to the highest, if they differ as printed.
    fn ratio(&self) -> String {
        let of = |pick: fn(f64, f64) -> f64| {
            let ratio = self.ratios.iter().copied().reduce(pick)?;
            Some(format!("{ratio:.2}"))
        };
        match (of(f64::min), of(f64::max)) {
            (Some(low), Some(high)) if low == high => format!("{low}×"),
            (Some(low), Some(high)) => format!("{low}–{high}×"),
            _ => String::new(),
        }
    }
}

/// All rows, in the order of a run.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    next: usize,
}

impl Table {
    /// Begins a run.
    pub(crate) fn begin(&mut self) {
        self.next = 0;
        println!("| What | Target | Measured | Native | Ratio |\n|---|---|---|---|---|");
    }

    /// A row without a native counterpart.
    pub(crate) fn alone(&mut self, what: &str, target: &str, measured: &str) {
        self.add(what, target, measured, "", None);
    }

    /// A row with plugin and twin.
    pub(crate) fn pair(&mut self, what: &str, target: &str, pair: &Pair, figure: impl Fn(f64) -> String) {
        self.row(what, target, &figure(pair.plugin), &figure(pair.twin), pair.ratio);
    }

    pub(crate) fn row(&mut self, what: &str, target: &str, measured: &str, native: &str, ratio: f64) {
        self.add(what, target, measured, native, Some(ratio));
    }

    fn add(&mut self, what: &str, target: &str, measured: &str, native: &str, ratio: Option<f64>) {
        let row = Row {
            what: what.to_owned(),
            target: target.to_owned(),
            measured: measured.to_owned(),
            native: native.to_owned(),
            ratios: ratio.into_iter().collect(),
        };
        row.write();
        match self.rows.get_mut(self.next) {
            Some(so_far) => {
                let ratios = so_far.ratios.drain(..).chain(row.ratios).collect();
                *so_far = Row { ratios, ..row };
            }
            None => self.rows.push(row),
        }
        self.next += 1;
    }

    /// The figures of the last run, the ratios of all.
    pub(crate) fn write_all(&mut self) {
        self.begin();
        self.rows.iter().for_each(Row::write);
    }
}
