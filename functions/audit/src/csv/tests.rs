//! What goes into a cell.

use crate::csv::cell;

#[test]
fn cells_are_quoted_where_they_must_be() {
    for (text, expected) in [
        ("plain", "plain"),
        ("", ""),
        ("a,b", "\"a,b\""),
        ("say \"hi\"", "\"say \"\"hi\"\"\""),
        ("two\r\nlines", "\"two\r\nlines\""),
        ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
        ("-1", "\"'-1\""),
        ("@SUM(A1)", "\"'@SUM(A1)\""),
        ("a=b", "a=b"),
    ] {
        assert_eq!(cell(text), expected);
    }
}
