//! What is in force: one pointer, which a reload swaps. Each room sees its own part of it, and who has taken a part keeps it to
//! the end of what is done by it.

use std::sync::{Arc, PoisonError, RwLock};

/// The pointer. Clones share it.
pub struct Current<S>(Arc<RwLock<Arc<S>>>);

/// One room's part of what is in force.
pub struct View<T>(Arc<dyn Fn() -> Arc<T> + Send + Sync>);

impl<S: Send + Sync + 'static> Current<S> {
    pub fn new(whole: S) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(whole))))
    }

    /// From now on every view shows parts of this.
    pub fn swap(&self, whole: S) {
        let former = {
            let mut pointer = self.0.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *pointer, Arc::new(whole))
        };
        // What the last user of it lets go of is let go of without the lock.
        drop(former);
    }

    pub fn now(&self) -> Arc<S> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn view<T: Send + Sync + 'static>(&self, part: fn(&S) -> &Arc<T>) -> View<T> {
        let current = self.clone();
        View(Arc::new(move || Arc::clone(part(&current.now()))))
    }
}

impl<T> View<T> {
    /// What is in force now.
    pub fn now(&self) -> Arc<T> {
        (self.0)()
    }
}

impl<S> Clone for Current<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Clone for View<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
impl<T: Send + Sync + 'static> From<T> for View<T> {
    /// What stays in force, for tests of one room.
    fn from(part: T) -> Self {
        let part = Arc::new(part);
        Self(Arc::new(move || Arc::clone(&part)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_views_change_at_once_and_what_was_taken_stays() {
        let current = Current::new((Arc::new(1), Arc::new("one")));
        let (numbers, words) = (current.view(|whole| &whole.0), current.view(|whole| &whole.1));
        let (number, word) = (numbers.now(), words.now());
        assert!(Arc::ptr_eq(&number, &numbers.now()), "unchanged, it is the same");
        current.swap((Arc::new(2), Arc::new("two")));
        assert_eq!((*numbers.now(), *words.clone().now()), (2, "two"));
        assert_eq!((*number, *word), (1, "one"));
    }
}
