//! The catalogue that is part of the program.

use consentry_catalogue::Catalogue;

#[test]
fn parses() {
    assert_eq!(Catalogue::builtin().services().len(), 105 + 7 + 1);
}
