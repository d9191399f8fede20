//! What a plugin finds around it.

use std::fs::File;
use std::net::TcpListener;

use scanrelay::TraceParent;

use super::*;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Runs a program that is no shell and gives its log.
async fn log_of(program: &str, args: &[&str], change: impl FnOnce(&mut Spec)) -> (Stage, String) {
    let stage = Stage::new("").with(|spec| {
        spec.program = PathBuf::from(program);
        spec.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        spec.output = Output::ExitCodes([(0, Word::Verdict(Verdict::Safe))].into());
        change(spec);
    });
    let run = stage.run().await;
    assert_eq!(run.end, scan(Verdict::Safe), "{}", text(&run));
    (stage, text(&run))
}

#[tokio::test]
async fn the_environment_is_the_contracts_and_no_other() {
    let (stage, log) = log_of("/usr/bin/env", &[], |spec| {
        spec.env =
            vec![("LANG".to_owned(), "de_DE.UTF-8".to_owned()), ("SCANRELAY_ATTEMPT".to_owned(), "9".to_owned())];
        spec.trace = TraceParent::parse(TRACE.as_bytes());
    })
    .await;
    let workdir = stage.workdir();
    let at = |name: &str| workdir.join(name).display().to_string();
    let mut expected = [
        format!("HOME={}", workdir.display()),
        "LANG=de_DE.UTF-8".to_owned(),
        "PATH=/usr/bin:/bin".to_owned(),
        format!("SCANRELAY_ARTIFACT={}", at("artifact")),
        "SCANRELAY_ATTEMPT=1".to_owned(),
        format!("SCANRELAY_EVENT={}", at("event.json")),
        "SCANRELAY_PLUGIN=sample".to_owned(),
        format!("SCANRELAY_RESULT={}", at("result")),
        format!("SCANRELAY_RUN_ID={}-7", stage.store),
        format!("TMPDIR={}", workdir.display()),
        format!("TRACEPARENT={TRACE}"),
    ];
    expected.sort();
    let mut found: Vec<_> = log.lines().collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_secret_that_is_no_text_arrives_as_it_is() {
    let bytes = [0xff, 0xfe, b'a', 0x80];
    let stage = Stage::new(r#"printf %s "$TOKEN" | od -An -tx1"#).with(|spec| {
        spec.secrets = vec![secret(&bytes)];
        spec.output = Output::ExitCodes([(0, Word::Verdict(Verdict::Safe))].into());
    });
    assert_eq!(text(&stage.run().await), " ff fe 61 80\n");
}

/// `O_CLOEXEC` as `/proc/self/fdinfo` shows it.
const CLOSE_ON_EXEC: u32 = 0o2_000_000;

#[tokio::test]
async fn no_descriptor_is_inherited() {
    let _file = File::open("/dev/null").unwrap();
    let _socket = TcpListener::bind("127.0.0.1:0").unwrap();
    // What whoever started the tests left open without close-on-exec is none of ours.
    let open_in_child = |info: &str| {
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        u32::from_str_radix(flags.trim(), 8).unwrap() & CLOSE_ON_EXEC == 0
    };
    let given: Vec<u32> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|fd| std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).is_ok_and(|info| open_in_child(&info)))
        .collect();
    assert!(given.iter().filter(|fd| **fd > 2).count() < 8, "{given:?}");
    let log = log_of("/bin/ls", &["/proc/self/fd"], |_| {}).await.1;
    let mut own: Vec<u32> = log.lines().map(|fd| fd.parse().unwrap()).filter(|fd| !given.contains(fd)).collect();
    own.sort_unstable();
    // The folder that ls reads.
    assert_eq!(own.len(), 1, "{own:?} beside {given:?}");
}

#[tokio::test]
async fn it_leads_a_process_group_of_its_own_in_its_private_folder() {
    let (stage, log) = log_of(
        "/bin/sh",
        &["-c", "pwd; stat -c %a . event.json body; cat body; cut -d' ' -f5 /proc/$$/stat; echo $$"],
        |_| {},
    )
    .await;
    let lines: Vec<_> = log.lines().collect();
    let workdir = stage.workdir().display().to_string();
    assert_eq!(&lines[..4], [workdir.as_str(), "700", "600", "600"]);
    let (body, group) = lines[4].split_at(lines[4].rfind('}').unwrap() + 1);
    assert_eq!((body, group), (r#"{"raw":true}"#, lines[5]));
}

#[tokio::test]
async fn placeholders_are_paths_that_we_made() {
    let args = ["{artifact}", "--in={event}", "{workdir}/x", "{report}", "{model}", "$(id)"];
    let (stage, log) = log_of("/bin/echo", &args, |_| {}).await;
    let workdir = stage.workdir().display().to_string();
    assert_eq!(
        log,
        format!("{workdir}/artifact --in={workdir}/event.json {workdir}/x {workdir}/report {{model}} $(id)\n")
    );
}

#[tokio::test]
async fn stdin_is_the_document_that_is_event_json() {
    let stage = Stage::new("cat > got; cmp got event.json && cat got; echo").with(|spec| {
        spec.output = Output::ExitCodes([(0, Word::Verdict(Verdict::Safe))].into());
        spec.invocation.settings.insert("large".to_owned(), "x".repeat(200_000).into());
        spec.log_cap = 1024 * 1024;
    });
    let run = stage.run().await;
    // A line of log is cut after 128 KiB: the document is long enough to fill the pipe, and its beginning is enough.
    let document = serde_json::to_string(&stage.spec.invocation).unwrap();
    assert!(text(&run).len() > 100_000 && document.starts_with(&text(&run)[..100_000]));
    assert_eq!(run.end, scan(Verdict::Safe), "{}", text(&run));
}

#[tokio::test]
async fn not_reading_stdin_is_no_fault() {
    let large = |spec: &mut Spec| {
        spec.invocation.settings.insert("large".to_owned(), "x".repeat(1_000_000).into());
    };
    assert_eq!(Stage::new(SAFE).with(large).run().await.end, scan(Verdict::Safe));
    assert_eq!(Stage::new(&format!("exec <&-; {SAFE}")).with(large).run().await.end, scan(Verdict::Safe));
}

#[tokio::test]
async fn a_runs_id_cannot_lead_out_of_the_work_folder() {
    let long = "x".repeat(201);
    for id in ["", ".", "..", "../x", "a/b", "/etc", "a\0b", "a b", "é", "\u{1b}[2K", &long] {
        let stage = Stage::new(SAFE).with(|spec| id.clone_into(&mut spec.invocation.run.id));
        let run = stage.run().await;
        let End::NotStarted(reason) = run.end else { panic!("{id:?}: {:?}", run.end) };
        assert!(reason.contains("is no run id") && !reason.contains('\u{1b}'), "{reason}");
        let made: Vec<_> = stage.root.path().read_dir().unwrap().collect();
        assert!(made.is_empty(), "{id:?}: {made:?}");
    }
}

#[tokio::test]
async fn a_folder_that_is_there_already_is_not_used() {
    let stage = Stage::new(SAFE);
    std::fs::create_dir_all(&stage.spec.work_root).unwrap();
    std::fs::create_dir(stage.workdir()).unwrap();
    let run = stage.start().end().await;
    assert!(matches!(&run.end, End::NotStarted(reason) if reason.ends_with("is there already: remove it")), "{run:?}");
    assert!(stage.workdir().exists(), "it is not ours to remove");
}

#[test]
fn the_future_can_move_between_threads() {
    fn check(_: impl Send) {}
    check(run(Stage::new("").spec, Stop::before(&CancellationToken::new()), mpsc::channel(1).0));
}

#[test]
fn hardened_we_are_not_dumpable_and_make_private_files() {
    harden().unwrap();
    assert_eq!(rustix::process::dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    let root = tempfile::tempdir().unwrap();
    File::create(root.path().join("file")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&root.path().join("file").metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    set_dumpable_behavior(DumpableBehavior::Dumpable).unwrap();
    umask(Mode::WGRP | Mode::WOTH);
}
