//! What was said, what was waived, and whether it is enough.

use std::time::Duration;

use scanrelay::Timestamp;
use scanrelay::plugin::{Finding, Severity, Verdict};

use super::*;
use crate::daemon::digest::Digest;

const NOW: Timestamp = Timestamp::from_millis(1_669_852_800_000);
const DAY: Duration = Duration::from_hours(24);

fn decides(policy: Policy, votes: &[Option<Verdict>], expected: Option<Verdict>) {
    assert_eq!(decide(policy, votes), expected, "{policy:?} {votes:?}");
}

#[test]
fn all_means_every_one() {
    use Verdict::{Error, Inconclusive, Safe, Unsafe};
    let all = |votes: &[Option<Verdict>], expected| decides(Policy::All, votes, expected);
    all(&[Some(Safe)], Some(Safe));
    all(&[Some(Safe), Some(Safe)], Some(Safe));
    all(&[Some(Safe), None], None);
    all(&[Some(Error), None], None);
    all(&[Some(Unsafe), None], Some(Unsafe));
    all(&[Some(Safe), Some(Error)], Some(Error));
    all(&[Some(Safe), Some(Inconclusive)], Some(Inconclusive));
    all(&[Some(Error), Some(Inconclusive)], Some(Error));
    all(&[Some(Error), Some(Unsafe)], Some(Unsafe));
    all(&[], Some(Error));
}

#[test]
fn a_quorum_needs_its_number_and_no_unsafe_vote() {
    use Verdict::{Error, Inconclusive, Safe, Unsafe};
    let two = |votes: &[Option<Verdict>], expected| decides(Policy::Quorum(2), votes, expected);
    two(&[Some(Safe), Some(Safe), Some(Error)], Some(Safe));
    two(&[Some(Safe), Some(Safe), Some(Unsafe)], Some(Unsafe));
    two(&[Some(Safe), Some(Safe), None], None);
    two(&[Some(Safe), Some(Error), Some(Inconclusive)], Some(Error));
    two(&[Some(Safe), Some(Inconclusive), Some(Inconclusive)], Some(Inconclusive));
    decides(Policy::Quorum(0), &[Some(Error)], Some(Error));
    decides(Policy::Quorum(0), &[], Some(Error));
}

fn digest(byte: &str) -> Digest {
    Digest::parse(&byte.repeat(32)).unwrap()
}

fn files(byte: &str) -> Evidence {
    Evidence { artifact: Some(digest(byte)), ..Evidence::default() }
}

fn waiver(id: i64, finding: &str, of: &str, days: u32) -> Waiver {
    let (finding, reason) = (finding.to_owned(), "known".to_owned());
    let until = NOW.after(DAY * days);
    Waiver { id, digest: digest(of), finding, until, reason, uid: None, made_at: NOW, revoked_at: None }
}

fn finding(id: &str) -> Finding {
    serde_json::from_value(serde_json::json!({ "id": id, "severity": Severity::Critical, "message": "m" })).unwrap()
}

#[test]
fn an_unsafe_vote_is_waived_finding_by_finding() {
    let check = |found: &[&str], more: usize, waivers: &[Waiver], expected: Option<&[i64]>| {
        let found: Vec<Finding> = found.iter().map(|id| finding(id)).collect();
        let said = waived(Verdict::Unsafe, &found, more, &files("aa"), waivers, NOW);
        let ids = said.map(|said| said.iter().map(|waived| waived.waiver).collect::<Vec<_>>());
        assert_eq!(ids.as_deref(), expected, "{found:?} {waivers:?}");
    };
    let known = waiver(1, "os.system", "aa", 1);
    check(&["os.system"], 0, std::slice::from_ref(&known), Some(&[1]));
    check(&["os.system", "os.system"], 0, std::slice::from_ref(&known), Some(&[1]));
    check(&["os.system", "eval"], 0, std::slice::from_ref(&known), None);
    check(&["os.system", "eval"], 0, &[known.clone(), waiver(2, "eval", "aa", 1)], Some(&[1, 2]));
    check(&["os.system"], 0, &[known.clone(), waiver(2, "os.system", "aa", 2)], Some(&[2]));
    // Nothing that is named, or something that is not.
    check(&[], 0, std::slice::from_ref(&known), None);
    check(&["os.system"], 1, std::slice::from_ref(&known), None);
    // Of other bytes, over, taken back.
    check(&["os.system"], 0, &[waiver(1, "os.system", "bb", 1)], None);
    check(&["os.system"], 0, &[waiver(1, "os.system", "aa", 0)], None);
    check(&["os.system"], 0, &[Waiver { revoked_at: Some(NOW), ..known.clone() }], None);
    for verdict in [Verdict::Error, Verdict::Inconclusive, Verdict::Safe] {
        let said = waived(verdict, &[finding("os.system")], 0, &files("aa"), std::slice::from_ref(&known), NOW);
        assert_eq!(said, None, "{verdict} cannot be waived");
    }
    let image = Evidence { image: Some(digest("aa")), ..Evidence::default() };
    assert!(waived(Verdict::Unsafe, &[finding("os.system")], 0, &image, &[known], NOW).is_some());
}

#[test]
fn a_waiver_has_a_finding_a_reason_and_an_end() {
    let check = |finding: &str, until: Timestamp, reason: &str, words: Option<&str>| {
        let new = NewWaiver::new(digest("aa"), finding.to_owned(), until, reason.to_owned(), NOW);
        match (new, words) {
            (Ok(_), None) => {}
            (Err(said), Some(words)) => assert!(said.contains(words), "{said} does not say {words}"),
            (new, words) => panic!("{new:?} is not {words:?}"),
        }
    };
    check("os.system", NOW.after(DAY), "known", None);
    check("os.system", NOW.after(DAY * 400), "known", None);
    check("os.system", NOW.after(DAY * 401), "known", Some("within 400 days"));
    check("os.system", NOW, "known", Some("2022-12-01T00:00:00Z is over"));
    check("", NOW.after(DAY), "known", Some("a finding's id"));
    check(&"x".repeat(1025), NOW.after(DAY), "known", Some("a finding's id"));
    check("os.system", NOW.after(DAY), " \n", Some("a reason"));
}

fn vote(scanner: &str, verdict: Verdict, waived: Vec<Waived>) -> Vote {
    let (scanner, evidence) = (scanner.to_owned(), files("aa"));
    Vote {
        scanner,
        verdict,
        summary: None,
        url: None,
        version: None,
        findings: 0,
        advisory: false,
        said_at: None,
        evidence,
        waived,
    }
}

fn said(delivery: i64, days_ago: u32, verdict: Verdict, votes: Vec<Vote>) -> Standing {
    let ago = i64::try_from((DAY * days_ago).as_millis()).unwrap();
    let settled_at = Timestamp::from_millis(NOW.as_millis() - ago);
    let (registry, subject, policy) = ("verta".into(), "version:1".into(), Policy::All);
    Standing { delivery, round: 1, registry, subject, verdict, votes, policy, settled_at }
}

#[test]
fn the_last_word_counts_and_of_each_scanner_its_own() {
    use Verdict::{Error, Safe, Unsafe};
    let check = |demand: &Demand, verdicts: &[Standing], waivers: &[Waiver], words: Option<&str>| {
        let said = Standings::new(None, verdicts.to_vec(), waivers.to_vec());
        let met = demand.is_met(&said, NOW);
        assert_eq!(met.as_ref().err().map(String::as_str), words, "{demand:?}");
    };
    let any = Demand::default();
    let safe = said(1, 0, Safe, vec![vote("one", Safe, Vec::new())]);
    check(&any, &[], &[], Some("nothing was ever scanned"));
    check(&any, std::slice::from_ref(&safe), &[], None);
    let later = said(2, 0, Unsafe, vec![vote("two", Unsafe, Vec::new())]);
    check(&any, &[later.clone(), safe.clone()], &[], Some("the last verdict is unsafe (delivery 2)"));
    check(&any, &[safe.clone(), later.clone()], &[], Some("the last verdict is unsafe (delivery 2)"));
    let earlier = said(2, 1, Unsafe, vec![vote("two", Unsafe, Vec::new())]);
    check(&any, &[earlier, safe.clone()], &[], None);
    check(&any, &[said(3, 0, Error, Vec::new()), safe.clone()], &[], Some("the last verdict is error (delivery 3)"));

    let week = Demand { max_age: Some(DAY * 7), ..Demand::default() };
    check(&week, &[said(1, 7, Safe, Vec::new())], &[], None);
    let old = "the last verdict is 691200 s old, and 604800 s are allowed (delivery 1)";
    check(&week, &[said(1, 8, Safe, Vec::new())], &[], Some(old));
    // A clock that was set back makes nothing fresh.
    let ahead = Standing { settled_at: NOW.after(DAY), ..safe.clone() };
    check(&week, &[ahead], &[], Some("the last verdict is -86400 s old, and 604800 s are allowed (delivery 1)"));

    let one = Demand { from: vec!["one".into()], max_age: Some(DAY * 7) };
    check(&one, std::slice::from_ref(&safe), &[], None);
    let other = said(2, 0, Safe, vec![vote("two", Safe, Vec::new())]);
    check(&one, std::slice::from_ref(&other), &[], Some("one has never looked at it"));
    check(&one, &[other.clone(), safe.clone()], &[], None);
    let outvoted = said(2, 0, Safe, vec![vote("one", Error, Vec::new()), vote("two", Safe, Vec::new())]);
    check(&one, &[outvoted, safe], &[], Some("one says error (delivery 2)"));
    let stale = said(1, 8, Safe, vec![vote("one", Safe, Vec::new())]);
    let words = "the last vote of one is 691200 s old, and 604800 s are allowed (delivery 1)";
    check(&one, &[other, stale], &[], Some(words));
}

/// The same vote, of so many days ago and of those files.
fn voted(vote: Vote, days_ago: u32, of: &str) -> Vote {
    let ago = i64::try_from((DAY * days_ago).as_millis()).unwrap();
    Vote { said_at: Some(Timestamp::from_millis(NOW.as_millis() - ago)), evidence: files(of), ..vote }
}

#[test]
fn a_verdict_is_as_old_as_the_scans_that_it_rests_on() {
    use Verdict::{Safe, Unsafe};
    let week = Demand { max_age: Some(DAY * 7), from: vec!["one".into()] };
    let check = |verdicts: &[Standing], words: Option<&str>| {
        let said = Standings::new(Some(digest("aa")), verdicts.to_vec(), Vec::new());
        assert_eq!(week.is_met(&said, NOW).err().as_deref(), words);
    };
    // Settled again today, from a vote that was kept.
    let replayed = said(1, 0, Safe, vec![voted(vote("one", Safe, Vec::new()), 8, "aa")]);
    let old = "the last verdict is 691200 s old, and 604800 s are allowed (delivery 1)";
    check(std::slice::from_ref(&replayed), Some(old));
    // It takes nothing back that was found out since.
    let since = said(2, 3, Unsafe, vec![voted(vote("one", Unsafe, Vec::new()), 3, "aa")]);
    check(&[replayed.clone(), since.clone()], Some("the last verdict is unsafe (delivery 2)"));
    // Neither when one of several scanned again.
    let votes = vec![voted(vote("one", Safe, Vec::new()), 8, "aa"), voted(vote("two", Safe, Vec::new()), 0, "aa")];
    check(&[said(1, 0, Safe, votes), since.clone()], Some("the last verdict is unsafe (delivery 2)"));
    let again = said(3, 0, Safe, vec![voted(vote("one", Safe, Vec::new()), 0, "aa")]);
    // What is settled again of the same votes, since a finding is waived now, takes the place of what was said of them.
    let before = said(4, 1, Unsafe, vec![voted(vote("one", Unsafe, Vec::new()), 1, "aa")]);
    let waived = Standing { round: 2, ..said(4, 0, Safe, vec![voted(vote("one", Safe, Vec::new()), 1, "aa")]) };
    check(&[before.clone(), waived.clone()], None);
    check(&[waived, before], None);
    check(&[replayed, since, again], None);
}

#[test]
fn only_who_looked_at_it_says_something_of_it() {
    use Verdict::{Error, Inconclusive, Safe, Unsafe};
    let any = Demand::default();
    let check = |demand: &Demand, verdicts: &[Standing], words: Option<&str>| {
        let said = Standings::new(Some(digest("aa")), verdicts.to_vec(), Vec::new());
        assert_eq!(demand.is_met(&said, NOW).err().as_deref(), words);
    };
    let of = |scanner: &str, verdict: Verdict, files: &str| voted(vote(scanner, verdict, Vec::new()), 0, files);
    let quorum = |needed: u32, votes: Vec<Vote>| Standing { policy: Policy::Quorum(needed), ..said(1, 0, Safe, votes) };
    let few = Some("the last verdict is inconclusive (delivery 1): not enough of those who said safe looked at this");
    // The one that looked at it did not say so.
    check(&any, &[quorum(1, vec![of("one", Inconclusive, "aa"), of("two", Safe, "bb")])], few);
    check(&any, &[quorum(1, vec![of("one", Error, "bb"), of("two", Safe, "aa")])], None);
    check(&any, &[quorum(2, vec![of("one", Safe, "aa"), of("two", Safe, "bb")])], few);
    check(&any, &[quorum(2, vec![of("one", Safe, "aa"), of("two", Safe, "aa"), of("six", Error, "aa")])], None);
    let advice = Vote { advisory: true, ..of("two", Safe, "aa") };
    check(&any, &[quorum(1, vec![of("one", Safe, "bb"), advice.clone()])], few);

    let two = Demand { from: vec!["two".into()], max_age: None };
    let safe = said(1, 1, Safe, vec![of("one", Safe, "aa"), advice]);
    check(&two, std::slice::from_ref(&safe), None);
    // Its later word is of other files.
    let elsewhere = said(2, 0, Safe, vec![of("one", Safe, "aa"), Vote { advisory: true, ..of("two", Unsafe, "bb") }]);
    check(&two, &[elsewhere.clone(), safe.clone()], None);
    check(&two, &[elsewhere], Some("two has never looked at it"));
    let taken_back = said(2, 0, Safe, vec![of("one", Safe, "aa"), Vote { advisory: true, ..of("two", Unsafe, "aa") }]);
    check(&two, &[safe, taken_back], Some("two says unsafe (delivery 2)"));
}

#[test]
fn a_verdict_is_safe_for_as_long_as_its_waivers_hold() {
    let known = waiver(1, "os.system", "aa", 1);
    let named = Waived { waiver: 1, finding: "os.system".into(), until: known.until, reason: "known".into() };
    let rests = said(1, 0, Verdict::Safe, vec![vote("one", Verdict::Safe, vec![named])]);
    let check = |waivers: &[Waiver], now: Timestamp, words: Option<&str>| {
        let said = Standings::new(None, vec![rests.clone()], waivers.to_vec());
        for demand in [Demand::default(), Demand { from: vec!["one".into()], max_age: None }] {
            assert_eq!(demand.is_met(&said, now).err().as_deref(), words);
        }
    };
    let over = Some("the last verdict is unsafe (delivery 1): a waiver that it rests on has ended");
    check(std::slice::from_ref(&known), NOW, None);
    check(std::slice::from_ref(&known), NOW.after(DAY), over);
    check(&[Waiver { revoked_at: Some(NOW), ..known }], NOW, over);
    check(&[], NOW, over);
}
