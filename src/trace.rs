//! W3C Trace Context: which trace a request belongs to.

use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

/// A `traceparent`: a trace, the span that is the parent of what follows, and flags.
///
/// ```
/// use scanrelay::TraceParent;
///
/// let trace = TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
/// assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// let next = trace.child(7.try_into().unwrap());
/// assert_eq!(next.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000007-01");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace: NonZeroU128,
    span: NonZeroU64,
    flags: u8,
}

/// Sampled (level 1) and random (level 2). Nobody knows what the others mean, so they are not passed on.
const KNOWN_FLAGS: u8 = 0b11;
const LENGTH: usize = 55;

impl TraceParent {
    /// The header's name.
    pub const HEADER: &'static str = "traceparent";

    /// A trace that begins here, or a span of it.
    pub fn new(trace: NonZeroU128, span: NonZeroU64, sampled: bool) -> Self {
        Self { trace, span, flags: u8::from(sampled) }
    }

    /// Reads the header. `None`: it is malformed, and has to be treated as if it were not there.
    ///
    /// Of a version younger than ours what ours knows is read, as the specification says; version `ff` does not exist.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_at_checked(LENGTH)?;
        let known = std::str::from_utf8(known).ok()?;
        let mut fields = known.split('-');
        let mut field = |length: usize| fields.next().filter(|field| field.len() == length && is_hex(field));
        let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        let ends = match version {
            "ff" => false,
            "00" => more.is_empty(),
            _ => more.is_empty() || more.starts_with(b"-"),
        };
        ends.then_some(())?;
        Some(Self {
            trace: NonZeroU128::new(u128::from_str_radix(trace, 16).ok()?)?,
            span: NonZeroU64::new(u64::from_str_radix(span, 16).ok()?)?,
            flags: u8::from_str_radix(flags, 16).ok()? & KNOWN_FLAGS,
        })
    }

    /// The same trace with another span as the parent.
    #[must_use]
    pub fn child(self, span: NonZeroU64) -> Self {
        Self { span, ..self }
    }

    /// The trace's id, 32 hex digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The parent's id, 16 hex digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span)
    }

    /// Whether the caller records it.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }
}

/// As it is sent.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// In lower case, which is the only one.
fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn what_is_well_formed_is_read_and_written_anew() {
        let check = |value: &str, passed_on: Option<&str>| {
            let read = TraceParent::parse(value.as_bytes()).map(|trace| trace.to_string());
            assert_eq!(read.as_deref(), passed_on, "{value:?}");
        };
        let whole = format!("00-{TRACE}-{SPAN}-01");
        check(&whole, Some(&whole));
        for flags in ["00", "02", "03"] {
            let value = format!("00-{TRACE}-{SPAN}-{flags}");
            check(&value, Some(&value));
        }
        check(&format!("00-{TRACE}-{SPAN}-ff"), Some(&format!("00-{TRACE}-{SPAN}-03")));
        // Versions to come.
        check(&format!("01-{TRACE}-{SPAN}-09"), Some(&whole));
        check(&format!("cc-{TRACE}-{SPAN}-01-more-of-it"), Some(&whole));
        check(&format!("cc-{TRACE}-{SPAN}-01."), None);
        check(&format!("cc-{TRACE}-{SPAN}-0"), None);

        check("", None);
        check("00", None);
        check(&format!("ff-{TRACE}-{SPAN}-01"), None);
        check(&format!("00-{TRACE}-{SPAN}-01-"), None);
        check(&format!("00-{TRACE}-{SPAN}-01 "), None);
        check(&format!(" 00-{TRACE}-{SPAN}-01"), None);
        check(&format!("00-{TRACE}-{SPAN}-1"), None);
        check(&format!("00-{TRACE}-{SPAN}"), None);
        check(&format!("0-{TRACE}-{SPAN}-001"), None);
        check(&format!("00_{TRACE}-{SPAN}-01"), None);
        check(&format!("00-{TRACE}-{}-01", "0".repeat(16)), None);
        check(&format!("00-{}-{SPAN}-01", "0".repeat(32)), None);
        check(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None);
        check(&format!("00-{TRACE}-{}-01", SPAN.to_uppercase()), None);
        check(&format!("00-{}g-{SPAN}-01", &TRACE[1..]), None);
        check(&format!("00-{}-{SPAN}-01", &TRACE[1..]), None);
        check(&format!("00-+{}-{SPAN}-01", &TRACE[1..]), None);
        check(&format!("00-{TRACE}{SPAN}--01"), None);
        check(&format!("é-{TRACE}-{SPAN}-01"), None);
        assert_eq!(TraceParent::parse(&[0xff; LENGTH]), None);
    }

    #[test]
    fn a_child_is_of_the_same_trace() {
        let trace = TraceParent::parse(format!("00-{TRACE}-{SPAN}-01").as_bytes()).unwrap();
        let child = trace.child(NonZeroU64::MIN);
        assert_eq!((child.trace_id().as_str(), child.span_id().as_str()), (TRACE, "0000000000000001"));
        assert!(child.is_sampled());
        assert_eq!(TraceParent::new(trace.trace, NonZeroU64::MIN, true), child);
        assert!(!TraceParent::new(trace.trace, NonZeroU64::MIN, false).is_sampled());
    }
}
