use std::os::unix::fs::PermissionsExt;

use rustix::fs::{Mode, OFlags};

use super::*;

/// Longer than anything takes on a loaded machine; reached only when something hangs.
const LONG: std::time::Duration = std::time::Duration::from_mins(1);

struct Bench {
    folder: tempfile::TempDir,
    cache: Cache,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::of(folder.path(), "clamav");
    Bench { folder, cache }
}

impl Bench {
    fn update(&self, word: &str) {
        let fresh = self.cache.fresh().unwrap();
        fs::write(fresh.path().join("database"), word).unwrap();
        fresh.put().unwrap();
    }

    fn generations(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.cache.generations().filter_map(|path| number(&path)).collect();
        numbers.sort_unstable();
        numbers
    }
}

fn word(held: &Held) -> String {
    fs::read_to_string(held.path().join("database")).unwrap()
}

#[test]
fn a_run_sees_one_generation_to_its_end_and_the_next_run_the_next() {
    let bench = bench();
    assert!(bench.cache.current().unwrap().is_none() && bench.cache.updated_at().is_none());
    bench.update("one");
    let held = bench.cache.current().unwrap().unwrap();
    bench.update("two");
    assert_eq!(word(&held), "one");
    let next = bench.cache.current().unwrap().unwrap();
    assert_eq!((word(&next).as_str(), bench.generations()), ("two", vec![1, 2]));
    drop(held);
    bench.update("three");
    assert_eq!(bench.generations(), [2, 3], "nobody holds the first one any more");
    assert!(bench.cache.updated_at().is_some());
}

#[test]
fn an_update_begins_with_what_there_is_and_one_that_fails_leaves_it() {
    let bench = bench();
    let fresh = bench.cache.fresh().unwrap();
    fs::create_dir(fresh.path().join("deep")).unwrap();
    fs::write(fresh.path().join("deep/file"), "1").unwrap();
    symlink("deep/file", fresh.path().join("link")).unwrap();
    fresh.put().unwrap();
    let fresh = bench.cache.fresh().unwrap();
    assert_eq!(fs::read_to_string(fresh.path().join("link")).unwrap(), "1");
    fs::write(fresh.path().join("deep/file"), "2").unwrap();
    let held = bench.cache.current().unwrap().unwrap();
    assert_eq!(fs::read_to_string(held.path().join("link")).unwrap(), "1", "it is a copy");
    drop(fresh);
    assert_eq!(bench.generations(), [1]);
}

#[test]
fn two_are_never_made_at_once_and_what_a_killed_updater_left_goes() {
    let bench = bench();
    bench.update("one");
    let fresh = bench.cache.fresh().unwrap();
    assert!(matches!(bench.cache.fresh(), Err(NotFresh::Busy)));
    drop(fresh);
    // As if nobody had been there to remove it.
    fs::create_dir(bench.folder.path().join("clamav/7")).unwrap();
    fs::write(bench.folder.path().join("clamav/7/half"), "").unwrap();
    bench.update("two");
    assert_eq!(bench.generations(), [2]);
}

#[test]
fn a_cache_that_nobody_updates_is_an_empty_folder_at_first() {
    let bench = bench();
    let held = bench.cache.current_or_empty().unwrap();
    fs::write(held.path().join("database"), "by hand").unwrap();
    assert_eq!(word(&bench.cache.current_or_empty().unwrap()), "by hand");
}

#[test]
fn whoever_looks_while_it_is_replaced_sees_a_whole_one() {
    let bench = bench();
    bench.update("0 0");
    std::thread::scope(|scope| {
        let looks: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let seen = word(&bench.cache.current().unwrap().unwrap());
                        let (one, other) = seen.split_once(' ').unwrap();
                        assert_eq!(one, other);
                    }
                })
            })
            .collect();
        let mut number = 0;
        while !looks.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            number += 1;
            bench.update(&format!("{number} {number}"));
        }
    });
}

/// Folders in each other.
fn nest(folder: &Path, deep: u32) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = rustix::fs::open(folder, flags, Mode::empty()).unwrap();
    for _ in 0..deep {
        rustix::fs::mkdirat(&at, c"d", Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, c"d", flags, Mode::empty()).unwrap();
    }
}

/// On a small stack, so that it need not be so deep to be too deep.
#[test]
fn what_is_nested_too_deep_is_refused_with_the_cure_and_removed() {
    let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(nested_too_deep);
    thread.unwrap().join().unwrap();
}

fn nested_too_deep() {
    let bench = bench();
    bench.update("one");
    let fresh = bench.cache.fresh().unwrap();
    nest(fresh.path(), 5_000);
    let refused = fresh.put().unwrap_err().to_string();
    assert!(refused.ends_with("more than 32 folders in each other, and is not copied: correct the plugin's `update`"));
    assert_eq!(bench.generations(), [1], "it is gone, and the one before stays");
    // As a killed updater leaves it.
    fs::create_dir(bench.folder.path().join("clamav/7")).unwrap();
    nest(&bench.folder.path().join("clamav/7"), 5_000);
    bench.update("two");
    assert_eq!(bench.generations(), [2]);
    // Put there by hand.
    nest(bench.cache.current().unwrap().unwrap().path(), 40);
    let refused = bench.cache.fresh().unwrap_err().to_string();
    assert!(
        refused.contains("/clamav: it holds more than 32 folders") && refused.contains("remove the link `current`")
    );
    fs::remove_file(bench.folder.path().join("clamav/current")).unwrap();
    bench.update("three");
    assert_eq!(bench.generations().len(), 1);
}

#[test]
fn no_link_is_followed_and_no_privilege_is_copied() {
    let bench = bench();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "x").unwrap();
    let fresh = bench.cache.fresh().unwrap();
    let (tool, pipe) = (fresh.path().join("tool"), fresh.path().join("pipe"));
    fs::write(&tool, "").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o4750)).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
    symlink(outside.path(), fresh.path().join("folder")).unwrap();
    symlink(outside.path().join("secret"), fresh.path().join("file")).unwrap();
    fresh.put().unwrap();
    let fresh = bench.cache.fresh().unwrap();
    assert_eq!(fresh.path().join("tool").metadata().unwrap().permissions().mode() & 0o7777, 0o750);
    assert!(!fresh.path().join("pipe").exists());
    for (link, to) in [("folder", outside.path().to_owned()), ("file", outside.path().join("secret"))] {
        assert_eq!(fs::read_link(fresh.path().join(link)).unwrap(), to);
    }
}

#[test]
fn a_scan_cannot_lock_out_the_next_ones() {
    let bench = bench();
    bench.update("one");
    let held = bench.cache.current().unwrap().unwrap();
    // What a scan may open of it, and how it would keep others from it.
    let folder = File::open(held.path()).unwrap();
    flock(&folder, FlockOperation::LockExclusive).unwrap();
    let (sender, looked) = std::sync::mpsc::channel();
    let cache = bench.cache.clone();
    let look = move || sender.send(cache.current().map(|held| held.is_some()).map_err(|error| error.to_string()));
    std::thread::spawn(look.clone());
    assert_eq!(looked.recv_timeout(LONG).unwrap(), Ok(true));
    drop(held);
    // Nor is anybody waited for who got hold of the lock itself.
    let lock = File::open(bench.folder.path().join("clamav/1.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    std::thread::spawn(look);
    let refused = looked.recv_timeout(LONG).unwrap().unwrap_err();
    assert!(refused.contains("clamav/1.lock is locked by somebody else"), "{refused}");
    drop((folder, lock));
    bench.update("two");
    let lock = |generation: u32| bench.folder.path().join(format!("clamav/{generation}.lock"));
    assert!(!lock(1).exists() && !lock(2).exists(), "the lock goes with its generation");
    assert!(bench.cache.current().unwrap().is_some() && lock(2).exists());
}
