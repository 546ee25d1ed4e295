//! Tables for people.

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use std::env;
use terminal_size::terminal_size;

/// Columns to use where no terminal says how wide it is.
const DEFAULT_WIDTH: u16 = 80;
/// Narrower than this nothing can be read; wider than this lines are hard to follow.
const WIDTHS: std::ops::RangeInclusive<u16> = 60..=160;

/// A rule under the heads, and air between the columns.
const PLAIN: TableStyle = TableStyle::new().header_separator(LineStyle::new('─', '─', '─', '─'));
/// The same with a thin rule between rows, for rows of several lines.
const RULED: TableStyle = PLAIN.row_separator(LineStyle::new('╌', '╌', '╌', '╌'));

/// How many columns a table may take: the terminal's, or what COLUMNS says.
pub(crate) fn width() -> u16 {
    let from_environment = || env::var("COLUMNS").ok()?.parse().ok();
    let from_terminal = || terminal_size().map(|(width, _)| width.0);
    let width = from_environment().or_else(from_terminal).unwrap_or(DEFAULT_WIDTH);
    width.clamp(*WIDTHS.start(), *WIDTHS.end())
}

/// An empty table of one-line rows with these column heads.
pub(crate) fn table(heads: &[&str]) -> Table {
    styled(heads, PLAIN)
}

/// An empty table of rows with several lines, whose columns are so many parts of a hundred wide: tables with the same
/// widths continue each other.
pub(crate) fn ruled(heads: &[&str], parts: &[u16]) -> Table {
    let mut table = styled(heads, RULED);
    let usable = width();
    table.set_constraints(parts.iter().map(|part| ColumnConstraint::Absolute(Width::Fixed(usable * part / 100))));
    table
}

/// An empty table whose rows stay on one line each, however long.
pub(crate) fn columns(heads: &[&str]) -> Table {
    let mut table = styled(heads, PLAIN);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn styled(heads: &[&str], style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width());
    if !heads.is_empty() {
        table.set_header(heads.iter().copied());
    }
    table
}
