//! The one file of a form, as `multipart/form-data` carries it (RFC 7578).

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;

use super::answer::Refusal;

const NAMED: &str = "name=\"file\"";

/// The bytes of the part that is called `file`.
pub fn file(request: &HttpRequest, body: &Bytes) -> Result<Bytes, Refusal> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    part(kind, body).ok_or_else(|| Refusal::invalid("the body: it must be a form with a part that is called file"))
}

fn part(kind: &str, body: &Bytes) -> Option<Bytes> {
    let boundary =
        kind.strip_prefix("multipart/form-data;")?.split(';').find_map(|word| word.trim().strip_prefix("boundary="))?;
    let delimiter = format!("\r\n--{}", boundary.trim_matches('"'));
    // The first one stands at the beginning, without the line's end before it.
    let mut at = delimiter.len() - 2;
    body.starts_with(&delimiter.as_bytes()[2..]).then_some(())?;
    loop {
        let end = at + find(&body[at..], delimiter.as_bytes())?;
        let head = find(&body[at..end], b"\r\n\r\n").map(|length| at + length);
        if let Some(head) = head
            && String::from_utf8_lossy(&body[at..head]).contains(NAMED)
        {
            return Some(body.slice(head + 4..end));
        }
        at = end + delimiter.len();
    }
}

fn find(within: &[u8], wanted: &[u8]) -> Option<usize> {
    within.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &'static [u8], expected: Option<&'static [u8]>) {
        let found = part("multipart/form-data; boundary=xyz", &Bytes::from_static(body));
        assert_eq!(found.as_deref(), expected, "{}", String::from_utf8_lossy(body));
    }

    #[test]
    fn the_file_is_found_between_its_boundaries() {
        check(b"--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\r\na\r\n\r\nb\r\n--xyz--\r\n", Some(b"a\r\n\r\nb"));
        let second = b"--xyz\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{}\r\n--xyz\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\r\n--xyz--\r\n";
        check(second, Some(b""));
        for none in [b"".as_slice(), b"--xyz--\r\n", b"--xyz\r\n\r\na", b"--xyz\r\nname=\"x\"\r\n\r\na\r\n--xyz--"] {
            check(none, None);
        }
        assert_eq!(part("application/json", &Bytes::from_static(b"{}")), None);
    }
}
