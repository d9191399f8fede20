//! Where requests that trigger something can be held, before Jenkins has seen them or after, so that a test can be sure of the moment.

use serde::Deserialize;
use tokio::sync::watch;

/// What happens to a request that triggers something.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Posts {
    #[default]
    Pass,
    /// Held before anything is done, as in a network that is slow.
    Before,
    /// Done, and the answer is held.
    After,
    /// What was held before is not done at all.
    Drop,
}

/// The gate, and how many wait at it.
pub struct Gate {
    posts: watch::Sender<Posts>,
    held: watch::Sender<usize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { posts: watch::Sender::new(Posts::Pass), held: watch::Sender::new(0) }
    }
}

impl Gate {
    pub fn set(&self, posts: Posts) {
        self.posts.send_replace(posts);
    }

    pub fn held(&self) -> usize {
        *self.held.borrow()
    }

    pub fn visitor(&self) -> Visitor {
        Visitor { posts: self.posts.subscribe(), held: self.held.clone() }
    }
}

/// One request that comes to the gate. Nothing is locked while it waits there.
pub struct Visitor {
    posts: watch::Receiver<Posts>,
    held: watch::Sender<usize>,
}

/// Counts while it is there, whatever ends it.
struct Held<'a>(&'a watch::Sender<usize>);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}

impl Visitor {
    /// Waits as long as the gate is at that; says how it is then. The end of the registry opens it.
    pub async fn pass(&mut self, held_at: Posts) -> Posts {
        if *self.posts.borrow() != held_at {
            return *self.posts.borrow();
        }
        self.held.send_modify(|held| *held += 1);
        let _held = Held(&self.held);
        let posts = self.posts.wait_for(|posts| *posts != held_at).await;
        posts.map_or(Posts::Drop, |posts| *posts)
    }
}
