//! Tables for people: aligned columns, as wide as the terminal on a terminal, never cut elsewhere.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::style::{self, Style};

/// A line below the titles and nothing else.
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

/// Lays out rows below their columns' titles; no line ends in white space.
pub(super) fn render(paint: Style, columns: &[Column], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(LOOK)
        .set_content_arrangement(ContentArrangement::Dynamic);
    let width = table.width();
    table.force_no_tty();
    if let Some(width) = width {
        table.set_width(width);
    }
    if paint.is_coloured() {
        table.enforce_styling();
    }
    table.set_header(columns.iter().map(|column| {
        let (Column::Left(title) | Column::Right(title)) = column;
        Cell::new(title).add_attribute(Attribute::Bold)
    }));
    for row in rows {
        table.add_row(row.iter().map(|cell| Cell::new(style::one_line(cell))));
    }
    for (column, layout) in columns.iter().zip(table.column_iter_mut()) {
        layout.set_padding((0, 2));
        if let Column::Right(_) = column {
            layout.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
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
        format!("{}{pad}  {}", paint.dim(name), style::printable(value))
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
        );
        assert_eq!(text.lines().count(), 3, "{text:?}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn facts_stand_below_each_other() {
        let text = facts(Style::PLAIN, &[("id", "x".into()), ("digest", "y".into())]);
        assert_eq!(text, "id      x\ndigest  y");
    }
}
