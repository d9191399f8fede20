//! What an action came to, as its last line and its exit code.

use std::io::{Write as _, stderr};
use std::process::ExitCode;

use scanrelay::plugin::{EXIT_RETRY, Line, LineError, Status, printable};

use super::say::say;

/// The end of one attempt.
#[derive(Debug, PartialEq)]
pub enum End {
    /// Done.
    Complete { url: Option<String>, summary: Option<String> },
    /// Not done, and trying again would not help.
    Failed { summary: String, url: Option<String> },
    /// To be tried again later: why.
    Later(String),
    /// The attempt came to nothing: why.
    Broken(String),
}

impl End {
    /// Failed without an address to look at.
    pub fn failed(summary: impl Into<String>) -> Self {
        Self::Failed { summary: summary.into(), url: None }
    }

    /// Prints it, and says with which code to exit.
    pub fn tell(self) -> ExitCode {
        let retry = ExitCode::from(u8::try_from(EXIT_RETRY).unwrap_or(1));
        let (reason, code) = match self {
            Self::Later(reason) => (reason, retry),
            Self::Broken(reason) => (reason, ExitCode::FAILURE),
            result => match say(&result.line()) {
                Ok(()) => return ExitCode::SUCCESS,
                Err(reason) => (reason, ExitCode::FAILURE),
            },
        };
        let _ = writeln!(stderr(), "{}", printable(&reason));
        code
    }

    /// The result. An address that the contract does not take would cost the attempt, and every further one: what failed is told
    /// without it, and what was done has failed to say where.
    fn line(self) -> Line {
        let (status, summary, url) = match self {
            Self::Complete { url, summary } => (Status::Complete, summary, url),
            Self::Failed { summary, url } => (Status::Failed, Some(summary), url),
            Self::Later(summary) | Self::Broken(summary) => (Status::Failed, Some(summary), None),
        };
        let line = Line::Result { verdict: None, status: Some(status), summary: summary.clone(), url, version: None };
        match Line::parse(line.to_string().as_bytes()) {
            Some(Ok(line)) => line,
            Some(Err(LineError::Url)) if status == Status::Failed => {
                Self::Failed { summary: summary.unwrap_or_default(), url: None }.line()
            }
            Some(Err(LineError::Url)) => failed(
                "it was done, but its address is none that can be told: it must be http or https, without user part",
            ),
            _ => failed("the result is none of the plugin contract"),
        }
    }
}

fn failed(summary: &str) -> Line {
    Line::Result {
        verdict: None,
        status: Some(Status::Failed),
        summary: Some(summary.to_owned()),
        url: None,
        version: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(end: End, line: &str) {
        assert_eq!(end.line().to_string(), line);
    }

    #[test]
    fn an_end_is_a_result_that_the_daemon_takes() {
        check(End::Complete { url: None, summary: None }, r#"{"type":"result","status":"complete"}"#);
        check(
            End::Failed { summary: "no".into(), url: Some("https://ci.example.com/7/".into()) },
            r#"{"type":"result","status":"failed","summary":"no","url":"https://ci.example.com/7/"}"#,
        );
        let bad = Some("/d/7".to_owned());
        check(
            End::Failed { summary: "quota exceeded".into(), url: bad },
            r#"{"type":"result","status":"failed","summary":"quota exceeded"}"#,
        );
        let bad = End::Complete { url: Some("javascript:alert(1)".into()), summary: None }.line().to_string();
        assert!(bad.contains("\"status\":\"failed\"") && !bad.contains("javascript"), "{bad}");
    }
}
