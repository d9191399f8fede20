use super::*;

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
