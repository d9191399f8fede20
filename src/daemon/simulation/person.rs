//! What people do to a daemon, without much thought.

use super::world::World;
use super::{ALL, By, Filter, Life, PLUGINS, REGISTRIES, route};
use crate::daemon::job::{State, plugin_queue, registry_queue};
use crate::daemon::store::{Cancelled, JobRow, Keep, Replayed, Retried};

/// Does one thing at random.
pub(super) async fn acts(life: &Life, world: &World) {
    let now = life.clock.now();
    match world.roll(8) {
        0 => {
            let plugins = PLUGINS.iter().map(|name| plugin_queue(name));
            let queues: Vec<String> = plugins.chain(REGISTRIES.iter().map(|name| registry_queue(name))).collect();
            let queue = pick(world, &queues).cloned().unwrap();
            done(life.store.pause(queue, By::default(), now).await);
        }
        1 | 2 => drop(done(life.store.resume(ALL.to_owned(), By::default(), now).await)),
        3 => cancels(life, world).await,
        4 | 5 => retries(life, world).await,
        6 => replays(life, world, Keep::Outcomes).await,
        _ => replays(life, world, Keep::Nothing).await,
    }
    life.wake.changed();
}

async fn cancels(life: &Life, world: &World) {
    let ended = |job: &JobRow| State::from_word(&job.state).is_some_and(State::ended);
    let jobs = life.store.jobs(Filter { limit: Some(200), ..Filter::default() }).await.unwrap();
    let open: Vec<i64> = jobs.iter().filter(|job| !ended(job)).map(|job| job.id).collect();
    let Some(job) = pick(world, &open).copied() else { return };
    world.cancels(job);
    if done(life.store.cancel(job, By::default(), life.clock.now()).await) == Some(Cancelled::Yes) {
        life.running.cancel(job);
    }
}

async fn retries(life: &Life, world: &World) {
    let dead = Filter { state: Some("dead".to_owned()), limit: Some(200), ..Filter::default() };
    let jobs: Vec<i64> = life.store.jobs(dead).await.unwrap().iter().map(|job| job.id).collect();
    let Some(job) = pick(world, &jobs).copied() else { return };
    if let Some(Retried::Round { .. }) = done(life.store.retry(job, By::default(), life.clock.now()).await) {
        world.opened();
    }
}

async fn replays(life: &Life, world: &World, keep: Keep) {
    let rows = life.store.deliveries(Filter { limit: Some(100), ..Filter::default() }).await.unwrap();
    let ended: Vec<(i64, i64)> = rows.iter().filter(|row| row.state != "open").map(|row| (row.id, row.round)).collect();
    let Some((delivery, round)) = pick(world, &ended).copied() else { return };
    if keep == Keep::Nothing {
        world.begins_afresh(delivery, round + 1);
    }
    let replayed = life.store.replay(delivery, keep, By::default(), life.clock.now(), route).await;
    if let Some(Replayed::Round(_)) = done(replayed) {
        world.opened();
    }
}

/// What was done, unless the disk was full: then it was not.
fn done<T, E>(result: Result<T, E>) -> Option<T> {
    result.ok()
}

fn pick<'a, T>(world: &World, from: &'a [T]) -> Option<&'a T> {
    from.get(usize::try_from(world.roll(from.len() as u64)).unwrap())
}
