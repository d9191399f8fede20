//! Requests in files.

use super::super::*;

fn parsed(file: &[u8]) -> SavedRequest {
    SavedRequest::parse(file).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(file)))
}

fn check(file: &[u8], headers: &[(&str, &str)], body: Option<&[u8]>) {
    let request = parsed(file);
    let found: Vec<(String, Vec<u8>)> =
        request.caller().headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let expected: Vec<(String, Vec<u8>)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_owned())).collect();
    assert_eq!((found, request.body()), (expected, body), "{}", String::from_utf8_lossy(file));
}

#[test]
fn a_request_is_read_in_each_of_its_forms() {
    let headers = [("Host", "x:1"), ("X-Sig", "a=b, c")];
    check(b"POST / HTTP/1.1\r\nHost: x:1\r\nX-Sig:a=b, c\r\n\r\n {\"a\"\r\n:1}\n", &headers, Some(b" {\"a\"\r\n:1}\n"));
    check(b"Host: x:1\nX-Sig: a=b, c\n\n{}", &headers, Some(b"{}"));
    check(b"Host: x:1\nX-Sig: a=b, c", &headers, Some(b""));
    check(b"Host: x:1\nX-Sig: a=b, c\n\n\xff\x00", &headers, Some(b"\xff\x00"));
    let curl = b"* Connected to x\n> POST /hooks/verta HTTP/1.1\r\n> Host: x:1\r\n> X-Sig: a=b, c\r\n>\r\n";
    let answer = b"* upload completely sent off: 2 bytes\n< HTTP/1.1 401 Unauthorized\n< content-length: 2\n<\n{}";
    check(&[curl.as_slice(), answer].concat(), &headers, None);
    check(&[curl.as_slice(), b"{\"a\":\n1}", b"\n", answer].concat(), &headers, Some(b"{\"a\":\n1}\n"));
    let announced = b"> X-Sig: a\n> Content-Length: 2\n>\n{}\n< HTTP/1.1 202 Accepted\n";
    check(announced, &[("X-Sig", "a"), ("Content-Length", "2")], Some(b"{}"));
    check(br#"{"headers":[["Host","x:1"],["X-Sig","a=b, c"]],"body":"\u00e9"}"#, &headers, Some("é".as_bytes()));
    check(br#" {"headers":{"Host":"x:1","X-Sig":["a=b, c"]},"body":""}"#, &headers, Some(b""));
}

#[test]
fn what_is_written_is_read_again() {
    let headers = [("x-sig", b"abc".as_slice()), ("transfer-encoding", b"chunked"), ("x-two", b"1"), ("x-two", b"2")];
    let at = Timestamp::from_millis(1_795_410_620_000);
    let saved = SavedRequest::of(&Caller::new(headers), b"{\r\n}\n", at).to_http("/hooks/verta");
    assert!(saved.starts_with(b"POST /hooks/verta HTTP/1.1\r\n"));
    check(&saved, &[("x-sig", "abc"), ("x-two", "1"), ("x-two", "2")], Some(b"{\r\n}\n"));
    assert_eq!(parsed(&saved).received_at(), Some(at));
}

#[test]
fn what_is_no_request_is_said_so() {
    for (file, words) in [
        (b"".as_slice(), "line 1 is no header"),
        (b"POST / HTTP/1.1\n\n{}", "line 1 is no header"),
        (b"Host: x\nnonsense\n\n", "line 2 is no header"),
        (b"{\"a\":1}", "no JSON of a request"),
        (b"{\"headers\":[],\"body\":\"\"}\n{\"headers\":[],\"body\":\"\"}", "one request a file"),
        ("a: b\n".repeat(257).as_bytes(), "more than 256 headers"),
    ] {
        let error = SavedRequest::parse(file).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert!(!format!("{:?}", parsed(b"X-Sig: hunter2\n\nhunter3")).contains("hunter"));
}
