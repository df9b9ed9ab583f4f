//! Text layout: aligned columns, as many as the terminal has room for, and all of them elsewhere.

use comfy_table::{
    Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle,
};

use super::style::Style;
use model_provider_host::sanitize;

/// A rule below the titles and no other borders.
const LOOK: TableStyle = TableStyle::new().header_separator(LineStyle {
    left: None,
    fill: Some('─'),
    junction: None,
    right: None,
});

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Words.
    Left(&'static str),
    /// Figures.
    Right(&'static str),
}

impl Column {
    fn title(&self) -> &'static str {
        let (Self::Left(title) | Self::Right(title)) = self;
        title
    }
}

/// Blanks between two columns.
const GAP: u16 = 2;

/// Lays out rows below their columns' titles; no line ends in white space.
///
/// Where the terminal is too narrow, the columns of `expendable` are dropped, the first one first, and a last line names
/// them. The remaining cells are not wrapped: a reference on two lines cannot be copied.
pub(super) fn render(
    paint: Style,
    columns: &[Column],
    rows: Vec<Vec<String>>,
    expendable: &[&'static str],
) -> String {
    within(terminal_width(), paint, columns, rows, expendable)
}

fn within(
    width: Option<u16>,
    paint: Style,
    columns: &[Column],
    rows: Vec<Vec<String>>,
    expendable: &[&'static str],
) -> String {
    let mut table = Table::new();
    table
        .load_style(LOOK)
        .set_content_arrangement(ContentArrangement::Disabled)
        .force_no_tty();
    if paint.is_coloured() {
        table.enforce_styling();
    }
    table.set_header(
        columns
            .iter()
            .map(|column| Cell::new(column.title()).add_attribute(Attribute::Bold)),
    );
    for row in rows {
        table.add_row(row.iter().map(|cell| Cell::new(cell_of(cell))));
    }
    let widths = table.column_max_content_widths();
    let hidden = width.map_or_else(Vec::new, |width| too_much(columns, &widths, width, expendable));
    let last = columns
        .iter()
        .map(Column::title)
        .rfind(|title| !hidden.contains(title));
    for (column, layout) in columns.iter().zip(table.column_iter_mut()) {
        layout.set_padding((0, if Some(column.title()) == last { 0 } else { GAP }));
        if let Column::Right(_) = column {
            layout.set_cell_alignment(CellAlignment::Right);
        }
        if hidden.contains(&column.title()) {
            layout.set_constraint(ColumnConstraint::Hidden);
        }
    }
    let mut text = table.trim_fmt();
    if !hidden.is_empty() {
        let line = format!("({} in a wider terminal)", hidden.join(", "));
        text += &format!("\n{}", paint.dim(&line));
    }
    text
}

/// A cell is a name or a figure; leading blanks are our own indent.
fn cell_of(text: &str) -> String {
    let indent = text.len() - text.trim_start_matches(' ').len();
    let (indent, name) = text.split_at(indent.min(8));
    format!("{indent}{}", sanitize::name(name))
}

/// The columns to drop, in the table's order: as few as possible, the expendable ones first.
fn too_much(
    columns: &[Column],
    widths: &[u16],
    width: u16,
    expendable: &[&'static str],
) -> Vec<&'static str> {
    let width_of = |title: &str| {
        let mut known = columns.iter().zip(widths);
        known
            .find(|(column, _)| column.title() == title)
            .map_or(0, |(_, width)| u32::from(*width) + u32::from(GAP))
    };
    // There is no gap after the last column.
    let room = u32::from(width) + u32::from(GAP);
    let mut taken: u32 = columns.iter().map(|column| width_of(column.title())).sum();
    let mut hidden: Vec<&'static str> = Vec::new();
    for title in expendable {
        if taken <= room {
            break;
        }
        taken -= width_of(title);
        hidden.push(title);
    }
    // A wide column that was dropped last may have made room for others.
    for title in expendable.iter().rev() {
        if hidden.contains(title) && taken + width_of(title) <= room {
            taken += width_of(title);
            hidden.retain(|other| other != title);
        }
    }
    columns
        .iter()
        .map(Column::title)
        .filter(|title| hidden.contains(title))
        .collect()
}

/// Prose in lines that fit a terminal of this width, broken between words.
pub(super) fn wrapped(text: &str, width: u16) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .force_no_tty()
        .set_width(width)
        .add_row([Cell::new(sanitize::text(text))]);
    for layout in table.column_iter_mut() {
        layout.set_padding((0, 0));
    }
    table.trim_fmt()
}

/// The terminal's width; none where there is no terminal.
pub(super) fn terminal_width() -> Option<u16> {
    Table::new().width()
}

/// Facts below each other: names in one column, values in the next.
pub(super) fn facts(paint: Style, facts: &[(&str, String)]) -> String {
    let width = facts
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    let line = |(name, value): &(&str, String)| {
        let pad = " ".repeat(width - name.chars().count());
        format!("{}{pad}  {}", paint.dim(name), sanitize::line(value))
    };
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_no_line_ends_in_white_space() {
        let rows = vec![
            vec!["a".into(), "1".into()],
            vec!["long name".into(), "1000".into()],
        ];
        let text = render(
            Style::PLAIN,
            &[Column::Left("NAME"), Column::Right("COUNT")],
            rows,
            &[],
        );
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(
            lines[2].starts_with("a ") && lines[2].ends_with("    1"),
            "{text}"
        );
        assert!(lines[3].ends_with(" 1000"), "{text}");
        assert!(lines.iter().all(|line| line.trim_end() == *line), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_cell_cannot_break_the_table() {
        let text = render(
            Style::PLAIN,
            &[Column::Left("A")],
            vec![vec!["x\ny\u{1b}[2J".into()]],
            &[],
        );
        assert_eq!(text.lines().count(), 3, "{text:?}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn in_a_narrow_terminal_columns_are_dropped_and_nothing_is_wrapped() {
        let columns = [
            Column::Left("NAME"),
            Column::Left("REFERENCE"),
            Column::Right("WINDOW"),
            Column::Right("SPEED"),
        ];
        let row = [
            "A longer name than most",
            "acme/organisation/model",
            "64K",
            "45 tok/s",
        ];
        let shown = |width| {
            let rows = vec![row.map(str::to_owned).to_vec()];
            within(width, Style::PLAIN, &columns, rows, &["SPEED", "NAME", "WINDOW"])
        };
        for (width, gone) in [
            (None, None),
            (Some(66), None),
            (Some(65), Some("SPEED")),
            // The name went, and left room for the speed.
            (Some(50), Some("NAME")),
            (Some(35), Some("NAME, SPEED")),
            (Some(20), Some("NAME, WINDOW, SPEED")),
        ] {
            let text = shown(width);
            assert!(text.contains("acme/organisation/model"), "{width:?}\n{text}");
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(
                lines.len(),
                if gone.is_some() { 4 } else { 3 },
                "{width:?}\n{text}"
            );
            let last = gone.map(|gone| format!("({gone} in a wider terminal)"));
            assert_eq!(lines.get(3).copied(), last.as_deref(), "{width:?}\n{text}");
            let widest = lines[..3].iter().map(|line| line.chars().count()).max().unwrap();
            assert!(
                width.is_none_or(|width| widest <= usize::from(width).max(23)),
                "{text}"
            );
        }
    }

    #[test]
    fn prose_is_wrapped_between_words() {
        assert_eq!(
            wrapped("Create a fine-grained token.", 12),
            "Create a\nfine-grained\ntoken."
        );
        assert_eq!(wrapped("one\ntwo \u{1b}[2J", 80), "one\ntwo \u{fffd}[2J");
    }

    #[test]
    fn facts_are_one_per_line() {
        let text = facts(Style::PLAIN, &[("id", "x".into()), ("digest", "y".into())]);
        assert_eq!(text, "id      x\ndigest  y");
    }
}
