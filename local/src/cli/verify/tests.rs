//! Captured requests: read byte for byte, with either kind of line end.

use super::*;

#[test]
fn a_captured_request_is_read_with_either_line_end() {
    for text in [
        "POST /x HTTP/1.1\r\nA: 1\r\nb:2\r\n\r\n{}\n",
        "POST /x HTTP/1.1\nA: 1\nb:2\n\n{}\n",
    ] {
        let captured = Captured::parse(text.as_bytes()).unwrap();
        assert_eq!(captured.method, "POST");
        assert_eq!(
            captured.headers,
            [("A", b"1".as_slice()), ("b", b"2".as_slice())]
        );
        assert_eq!(captured.body, b"{}\n");
    }
}

#[test]
fn a_file_without_an_empty_line_is_refused() {
    assert!(Captured::parse(b"POST / HTTP/1.1\nA: 1").is_err());
}
