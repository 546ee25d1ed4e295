//! Tables for people.

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use std::env;
use terminal_size::terminal_size;

/// Columns to use where no terminal says how wide it is.
const DEFAULT_WIDTH: u16 = 80;
/// Narrower than this nothing can be read; wider than this lines are hard to follow.
const WIDTHS: std::ops::RangeInclusive<u16> = 60..=160;

/// A rule under the heads, and air between the columns.
const PLAIN: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));
/// The same with a thin rule between rows, for rows of several lines.
const RULED: TableStyle = PLAIN.row_separator(LineStyle::none().fill('╌'));
/// Blanks behind each column.
const GAP: u16 = 2;

/// How many columns a table may take: the terminal's, or what COLUMNS says.
pub(crate) fn width() -> u16 {
    let from_environment = || env::var("COLUMNS").ok()?.parse().ok();
    let from_terminal = || terminal_size().map(|(width, _)| width.0);
    let width = from_environment().or_else(from_terminal).unwrap_or(DEFAULT_WIDTH);
    width.clamp(*WIDTHS.start(), *WIDTHS.end())
}

/// A table that is being filled.
pub(crate) struct Rows {
    table: Table,
    constraints: Vec<ColumnConstraint>,
}

/// An empty table with these column heads (none: no head line). The first column, which names things, is never wrapped.
pub(crate) fn table(heads: &[&str]) -> Rows {
    Rows::new(heads, PLAIN, vec![ColumnConstraint::ContentWidth])
}

/// An empty table of rows with several lines. All columns but the last have the widths given, the last has the rest: tables
/// with the same widths continue each other.
pub(crate) fn ruled(heads: &[&str], widths: &[u16]) -> Rows {
    let rest = width().saturating_sub(widths.iter().sum());
    let widths = widths.iter().chain([&rest]);
    Rows::new(heads, RULED, widths.map(|width| ColumnConstraint::Absolute(Width::Fixed(*width))).collect())
}

/// An empty table whose rows stay on one line each, however long.
pub(crate) fn columns(heads: &[&str]) -> Rows {
    let mut rows = Rows::new(heads, PLAIN, Vec::new());
    rows.table.set_content_arrangement(ContentArrangement::Disabled);
    rows
}

impl Rows {
    fn new(heads: &[&str], style: TableStyle, constraints: Vec<ColumnConstraint>) -> Self {
        let mut table = Table::new();
        table.load_style(style);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width());
        if !heads.is_empty() {
            table.set_header(heads.iter().copied());
        }
        Self { table, constraints }
    }

    /// Adds a row.
    pub(crate) fn add<const N: usize>(&mut self, cells: [&str; N]) {
        self.table.add_row(cells);
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.table.row_count()
    }

    /// The table laid out, without blanks at the ends of lines.
    pub(crate) fn into_text(mut self) -> String {
        // Columns exist only once there are rows.
        self.table.set_constraints(self.constraints);
        for column in self.table.column_iter_mut() {
            column.set_padding((0, GAP));
        }
        self.table.lines().fold(String::new(), |mut text, line| {
            text.push_str(line.trim_end());
            text.push('\n');
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_without_heads_continues_one_with_heads() {
        let widths = [6, 10];
        let mut first = ruled(&["A", "B", "C"], &widths);
        let mut second = ruled(&[], &widths);
        for rows in [&mut first, &mut second] {
            rows.add([
                "1",
                "a word",
                "and some more words that need several lines in this narrow column, or do they?",
            ]);
        }
        let (first, second) = (first.into_text(), second.into_text());
        assert_eq!(first.lines().skip(2).collect::<Vec<_>>(), second.lines().collect::<Vec<_>>());
        assert!(first.lines().all(|line| line.chars().count() <= usize::from(width())));
    }

    #[test]
    fn what_names_a_row_is_never_wrapped() {
        let mut rows = table(&["Service", "What"]);
        let name = "a.name_that_takes_much_of_the_line";
        rows.add([name, &"word ".repeat(40)]);
        assert!(rows.into_text().contains(name));
    }
}
