//! One end of a plugin's output, read in chunks and given out in lines.

use std::ops::Range;

use scanrelay::plugin::MAX_LINE;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that one read may bring.
pub(super) const CHUNK: usize = 16 * 1024;

/// A stream cut into lines. Never holds more than one line of [`MAX_LINE`] and one chunk.
pub(super) struct Pipe<R> {
    /// `None` at the end.
    reader: Option<R>,
    chunk: Vec<u8>,
    /// What of the chunk has not been given out yet.
    unread: Range<usize>,
    /// The line so far: one byte more than a line may have shows that it was too long.
    line: Vec<u8>,
    lost: u64,
    /// The line has been given out.
    given: bool,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    pub(super) fn new(reader: R) -> Self {
        let chunk = vec![0; CHUNK];
        Self { reader: Some(reader), chunk, unread: 0..0, line: Vec::new(), lost: 0, given: false }
    }

    /// Whether more may come.
    pub(super) fn open(&self) -> bool {
        self.reader.is_some()
    }

    /// Whether every line has been given out and no more can come.
    pub(super) fn spent(&self) -> bool {
        !self.open() && self.unread.is_empty() && (self.given || self.line.is_empty())
    }

    /// Stops reading.
    pub(super) fn close(&mut self) {
        self.reader = None;
    }

    /// Reads once, when all lines have been given out; 0 at the end. Losing the future loses nothing.
    ///
    /// Never ready when it is closed.
    pub(super) async fn read(&mut self) -> usize {
        let Some(reader) = &mut self.reader else { return std::future::pending().await };
        match reader.read(&mut self.chunk).await {
            Ok(0) | Err(_) => {
                self.close();
                0
            }
            Ok(read) => {
                self.unread = 0..read;
                read
            }
        }
    }

    /// The next line of what has been read, without its line feed, and how many bytes of it were cut off. The last line
    /// needs no line feed.
    pub(super) fn line(&mut self) -> Option<(&[u8], u64)> {
        if std::mem::take(&mut self.given) {
            self.line.clear();
            self.lost = 0;
        }
        let rest = &self.chunk[self.unread.clone()];
        let feed = rest.iter().position(|byte| *byte == b'\n');
        let piece = &rest[..feed.unwrap_or(rest.len())];
        let kept = piece.len().min(MAX_LINE + 1 - self.line.len());
        self.line.extend_from_slice(&piece[..kept]);
        self.lost += (piece.len() - kept) as u64;
        self.unread.start += piece.len() + usize::from(feed.is_some());
        self.given = feed.is_some() || (!self.open() && !self.line.is_empty());
        self.given.then_some((self.line.as_slice(), self.lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(stream: &[u8], lines: &[(&[u8], u64)]) {
        let mut pipe = Pipe::new(stream);
        let mut found: Vec<(Vec<u8>, u64)> = Vec::new();
        while !pipe.spent() {
            while let Some((line, lost)) = pipe.line() {
                found.push((line.to_vec(), lost));
            }
            if pipe.open() {
                pipe.read().await;
            }
        }
        let found: Vec<(&[u8], u64)> = found.iter().map(|(line, lost)| (line.as_slice(), *lost)).collect();
        assert_eq!(found, lines);
    }

    #[tokio::test]
    async fn a_stream_is_cut_into_lines() {
        check(b"", &[]).await;
        check(b"\n", &[(b"", 0)]).await;
        check(b"a\nb\n", &[(b"a", 0), (b"b", 0)]).await;
        check(b"a\n\nb", &[(b"a", 0), (b"", 0), (b"b", 0)]).await;
        let across = [vec![b'x'; CHUNK - 1], b"y\nz".to_vec()].concat();
        check(&across, &[(&across[..CHUNK], 0), (b"z", 0)]).await;
    }

    #[tokio::test]
    async fn a_line_too_long_is_cut_and_counted() {
        let long = vec![b'x'; MAX_LINE + 1 + 300_000];
        let stream = [long.as_slice(), b"\nshort\n"].concat();
        check(&stream, &[(&long[..=MAX_LINE], 300_000), (b"short", 0)]).await;
        check(&long, &[(&long[..=MAX_LINE], 300_000)]).await;
    }
}
