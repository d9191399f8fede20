//! What Jenkins' refusals mean, and what to do about them.

use crate::http::Answer;

/// Whether Jenkins itself answered: every answer of its own says its version. A proxy before it does not.
pub fn is_jenkins(answer: &Answer) -> bool {
    answer.header("X-Jenkins").is_some()
}

/// Of an answer that says nothing of what was asked.
pub fn silent(answer: &Answer) -> String {
    match answer.status {
        404 if !is_jenkins(answer) => "404, and not from Jenkins: what stands before it answered".to_owned(),
        status => format!("Jenkins answered {status}"),
    }
}

/// Of an answer that may be another one after a while, or once somebody has done what is said.
pub fn refused_later(job: &str, answer: &Answer) -> String {
    let silence = passes(answer.status) || answer.status == 404 && !is_jenkins(answer);
    if silence { silent(answer) } else { refused(job, answer) }
}

/// Of the answer to a look or a trigger at `job`.
pub fn refused(job: &str, answer: &Answer) -> String {
    let crumb = answer.body.windows(11).any(|words| words == b"valid crumb");
    match answer.status {
        400 => format!("{job} takes no parameters (400): declare them in the job, as plugins/jenkins/README.md shows"),
        401 => {
            "Jenkins does not know the user, or the token is not theirs (401): check user and JENKINS_TOKEN".to_owned()
        }
        403 if crumb => {
            "Jenkins wants a crumb (403): make JENKINS_TOKEN an API token, or say login = \"password\" if it is the \
                         user's password"
                .to_owned()
        }
        403 => format!(
            "Jenkins does not let the user do that (403): check JENKINS_TOKEN, and give the user Job/Read and Job/Build on {job}"
        ),
        404 if is_jenkins(answer) => format!(
            "Jenkins has no {job}, or does not show it to the user (404): check job and its folders, and give the user Job/Read"
        ),
        404 => "no Jenkins is at url (404): write its address with the path under which it lives, such as /jenkins"
            .to_owned(),
        409 => format!("{job} is disabled (409): enable it in Jenkins, then replay the delivery"),
        200 => format!(
            "the answer for {job} is a page, likely of a login (200): let requests with an API token pass what asks for one"
        ),
        301 | 302 | 307 | 308 => {
            format!("Jenkins sends us elsewhere ({}): write the address that it gives itself as url", answer.status)
        }
        status => format!("Jenkins answered {status} for {job}"),
    }
}

/// Whether it may be otherwise after a while.
pub fn passes(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}
