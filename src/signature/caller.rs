//! What a verification may look at.

use std::fmt;
use std::net::IpAddr;

use super::VerifyError;

/// Who is calling, as far as the connection and the headers tell: all that a verification may look at.
///
/// Headers come as any iterator of name and value bytes, so that no version of `http` is forced on anybody:
///
/// ```
/// use scanrelay::Caller;
///
/// let caller = Caller::new([("Content-Type", b"application/json".as_slice())]);
/// assert_eq!(caller.header("content-type").next(), Some(b"application/json".as_slice()));
/// ```
#[derive(Clone)]
pub struct Caller<'a> {
    headers: Vec<(&'a str, &'a [u8])>,
    peer: Option<IpAddr>,
    path_secret: Option<&'a str>,
    certificate: Option<&'a [u8]>,
}

impl<'a> Caller<'a> {
    /// A caller with these headers, in the order in which they came.
    pub fn new(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        Self { headers: headers.into_iter().collect(), peer: None, path_secret: None, certificate: None }
    }

    /// The address of the connection's other end.
    #[must_use]
    pub fn with_peer(self, peer: IpAddr) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// The secret segment of the path, for senders that cannot sign.
    #[must_use]
    pub fn with_path_secret(self, segment: &'a str) -> Self {
        Self { path_secret: Some(segment), ..self }
    }

    /// The DER form of the client certificate that TLS verified.
    #[must_use]
    pub fn with_certificate(self, der: &'a [u8]) -> Self {
        Self { certificate: Some(der), ..self }
    }

    /// Every value of a header, in order. Names have no case.
    pub fn header(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(each, _)| each.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// Every header, in the order in which they came.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        self.headers.iter().copied()
    }

    /// The address of the other end.
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// The secret segment of the path.
    pub fn path_secret(&self) -> Option<&'a str> {
        self.path_secret
    }

    /// The client certificate.
    pub fn certificate(&self) -> Option<&'a [u8]> {
        self.certificate
    }

    /// The one value of a header on which a verification rests: there, once, not empty.
    pub(super) fn the_header(&self, name: &str) -> Result<&'a [u8], VerifyError> {
        let mut values = self.header(name);
        match (values.next(), values.next()) {
            (None, _) => Err(VerifyError::Missing(name.to_owned())),
            (Some(_), Some(_)) => Err(VerifyError::Repeated(name.to_owned())),
            (Some(value), None) if value.trim_ascii().is_empty() => Err(VerifyError::Empty(name.to_owned())),
            (Some(value), None) => Ok(value),
        }
    }
}

impl fmt::Debug for Caller<'_> {
    /// Header names only: a value may be a signature or a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Caller").field("headers", &names).field("peer", &self.peer).finish_non_exhaustive()
    }
}
