//! A job, its builds, and what is below them.

use actix_web::HttpResponse;
use actix_web::http::Method;
use actix_web::web::Data;

use super::answer::{self, json, not_found, page, text};
use super::gate::Posts;
use super::paths::Asked;
use super::state::Jenkins;
use super::tell::Teller;
use super::trigger;
use crate::emulator::registry::Registry;

pub async fn serve(registry: Data<Registry>, asked: Asked) -> HttpResponse {
    let (name, rest) = named(&asked.path);
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    match (&asked.method, &rest[..]) {
        (&Method::POST, ["build" | "buildWithParameters"]) => {
            let with_parameters = rest[0] == "buildWithParameters";
            // It is done also when whoever asked has gone away.
            let done = actix_web::rt::spawn(async move { triggered(&registry, &asked, &name, with_parameters).await });
            done.await.unwrap_or_else(|_| answer::error(500, "the request came to nothing"))
        }
        (method, rest) => {
            let mut state = registry.state();
            state.jenkins.go_on(registry.options.build_time);
            below(&mut state.jenkins, &asked, method, &name, rest)
        }
    }
}

async fn triggered(registry: &Registry, asked: &Asked, name: &str, with_parameters: bool) -> HttpResponse {
    let mut gate = registry.state().jenkins.gate.visitor();
    if gate.pass(Posts::Before).await == Posts::Drop {
        return answer::error(503, "dropped, as /dev/jenkins/server says");
    }
    let answer = trigger::trigger(&mut registry.state().jenkins, asked, name, with_parameters);
    gate.pass(Posts::After).await;
    answer
}

/// The full name, and what stands behind it.
fn named(path: &[String]) -> (String, &[String]) {
    let mut names = Vec::new();
    let mut rest = path;
    while let [word, name, after @ ..] = rest {
        if word != "job" {
            break;
        }
        names.push(name.as_str());
        rest = after;
    }
    (names.join("/"), rest)
}

fn below(jenkins: &mut Jenkins, asked: &Asked, method: &Method, name: &str, rest: &[&str]) -> HttpResponse {
    let get = method == Method::GET;
    let Some(job) = jenkins.jobs.get_mut(name).filter(|job| !job.how.hidden) else {
        let teller = Teller { jenkins, base: &asked.base };
        return match (teller.folder(name), rest) {
            (Some(folder), ["api", "json"]) if get => json(asked, folder),
            _ => not_found(),
        };
    };
    let number = |word: &str| match word {
        "lastBuild" => job.builds.keys().next_back().copied(),
        number => number.parse().ok().filter(|number| job.builds.contains_key(number)),
    };
    match *rest {
        [] if get => page(name),
        ["api", "json"] if get => {
            let job = &jenkins.jobs[name];
            json(asked, Teller { jenkins, base: &asked.base }.job(name, job))
        }
        [word @ ("enable" | "disable")] if !get => {
            job.how.disabled = word == "disable";
            answer::located(302, &asked.base)
        }
        [word, ref rest @ ..] => match number(word) {
            Some(number) => of_build(jenkins, asked, get, (name, number), rest),
            None => not_found(),
        },
        _ => not_found(),
    }
}

fn of_build(
    jenkins: &mut Jenkins,
    asked: &Asked,
    get: bool,
    (name, number): (&str, u64),
    rest: &[&str],
) -> HttpResponse {
    if !get && *rest == ["stop"] {
        jenkins.stop(name, number);
        return answer::located(302, &format!("{}{}/", asked.base, asked.path[..asked.path.len() - 1].join("/")));
    }
    let job = &jenkins.jobs[name];
    let build = &job.builds[&number];
    match *rest {
        [] if get => page(name),
        ["api", "json"] if get => json(asked, Teller { jenkins, base: &asked.base }.build(name, build)),
        ["consoleText"] if get => text(build.console.clone()),
        ["logText", "progressiveText"] if get => {
            let start = asked.parameter("start").and_then(|start| start.parse().ok()).unwrap_or(0);
            // A start behind the end is one of another console.
            let new = build.console.get(start..).unwrap_or(&build.console);
            answer::console(new.to_owned(), build.console.len(), build.in_progress())
        }
        ["artifact", ref path @ ..] if get => {
            match job.how.artifacts.get(&path.join("/")).filter(|_| !build.in_progress()) {
                Some(artifact) => text(artifact.clone()),
                None => not_found(),
            }
        }
        _ => not_found(),
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_job_is_named_by_its_folders_and_may_be_called_job() {
        let check = |path: &str, name: &str, rest: &str| {
            let path: Vec<String> = path.split('/').map(str::to_owned).collect();
            let (found, behind) = named(&path);
            assert_eq!((found.as_str(), behind.join("/").as_str()), (name, rest));
        };
        check("job/models/job/deploy/7/api/json", "models/deploy", "7/api/json");
        check("job/job/api/json", "job", "api/json");
        check("job/a/build", "a", "build");
    }
}
