//! Which job an address names. Jenkins writes addresses as it sees itself from inside, so only the end of a path counts.

use percent_encoding::percent_decode_str;
use url::Url;

/// The folders and the job, outermost first: each `job/NAME` at the end of the path. Empty: it names no job.
pub fn of_job(url: &Url) -> Vec<String> {
    names(&segments(url))
}

/// The same of an address of one of the job's builds.
pub fn of_build(url: &Url) -> Vec<String> {
    let mut segments = segments(url);
    let is_number = |segment: String| segment.bytes().all(|byte| byte.is_ascii_digit());
    if segments.pop().is_some_and(is_number) { names(&segments) } else { Vec::new() }
}

fn segments(url: &Url) -> Vec<String> {
    url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty()).map(decoded).collect()
}

/// Jenkins leaves some characters as they are that we encode.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

fn names(mut segments: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    while let [before @ .., word, name] = segments {
        if word != "job" {
            break;
        }
        names.push(name.clone());
        segments = before;
    }
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_path_names_the_job() {
        let check = |path: &str, job: &[&str], build: &[&str]| {
            let url = Url::parse(&format!("http://10.0.0.1:8080{path}")).unwrap();
            assert_eq!((of_job(&url), of_build(&url)), (owned(job), owned(build)), "{path}");
        };
        check("/job/a/", &["a"], &[]);
        check("/jenkins/job/a/job/b%20c/", &["a", "b c"], &[]);
        check("/jenkins/job/a/job/b/7/", &[], &["a", "b"]);
        // A number may be a name: who asks knows which of the two it is.
        check("/job/job/job/7/", &["job", "7"], &["job"]);
        check("/job/job/job/7/12/", &[], &["job", "7"]);
        check("/job/proj/job/feature%252Fx/", &["proj", "feature%2Fx"], &[]);
        check("/job/a+b(1)%", &["a+b(1)%"], &[]);
        check("/job/a/job/", &[], &[]);
        check("/", &[], &[]);
        check("/securityRealm/commenceLogin", &[], &[]);
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }
}
