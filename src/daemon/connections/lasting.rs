//! A service that is made with the first connection and goes with the last.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::{Rc, Weak};

use actix_web::dev::{Service, ServiceFactory, always_ready};
use futures_util::future::LocalBoxFuture;

/// Serves each connection with what `make` makes, once for all that are open at a time.
pub struct WhileConnected<M, S> {
    make: Rc<M>,
    /// Held by the connections.
    made: Rc<RefCell<Weak<S>>>,
}

impl<M, S> WhileConnected<M, S> {
    pub fn new<F, C>(make: M) -> Self
    where
        M: Fn() -> F,
        F: ServiceFactory<C, Config = (), Service = S>,
    {
        Self { make: Rc::new(make), made: Rc::default() }
    }
}

impl<M, F, C> Service<C> for WhileConnected<M, F::Service>
where
    M: Fn() -> F + 'static,
    F: ServiceFactory<C, Config = ()> + 'static,
    F::Service: 'static,
    C: 'static,
{
    type Response = ();
    type Error = ();
    type Future = LocalBoxFuture<'static, Result<(), ()>>;

    always_ready!();

    fn call(&self, connection: C) -> Self::Future {
        let (make, made) = (Rc::clone(&self.make), Rc::clone(&self.made));
        Box::pin(async move {
            let known = made.borrow().upgrade();
            let service = if let Some(service) = known {
                service
            } else {
                let service = Rc::new(make().new_service(()).await.map_err(drop)?);
                *made.borrow_mut() = Rc::downgrade(&service);
                service
            };
            poll_fn(|context| service.poll_ready(context)).await.map_err(drop)?;
            service.call(connection).await.map(drop).map_err(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;
    use std::future::{Ready, ready};

    use actix_service::IntoService as _;
    use actix_web::dev::{fn_factory, fn_service};
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    /// Counts those of its kind that are there.
    struct Counted(Rc<Cell<(u32, u32)>>);

    impl Drop for Counted {
        fn drop(&mut self) {
            let (made, alive) = self.0.get();
            self.0.set((made, alive - 1));
        }
    }

    #[test]
    fn a_service_comes_with_the_first_connection_and_goes_with_the_last() {
        let counts = Rc::new(Cell::new((0, 0)));
        let counting = Rc::clone(&counts);
        let service = WhileConnected::new(move || {
            let counts = Rc::clone(&counting);
            fn_factory(move || -> Ready<Result<_, Infallible>> {
                let (made, alive) = counts.get();
                counts.set((made + 1, alive + 1));
                let counted = Rc::new(Counted(Rc::clone(&counts)));
                ready(Ok(fn_service(move |end: oneshot::Receiver<()>| {
                    let _ = &counted;
                    end
                })
                .into_service()))
            })
        });
        let check = |expected, what| assert_eq!(counts.get(), expected, "made and alive: {what}");
        check((0, 0), "nobody came yet");
        let ((one, ends), (other, also_ends)) = (oneshot::channel(), oneshot::channel());
        let (mut first, mut second) = (service.call(ends), service.call(also_ends));
        assert!((&mut first).now_or_never().is_none());
        check((1, 1), "the first one");
        assert!((&mut second).now_or_never().is_none());
        check((1, 1), "the second shares it");
        one.send(()).unwrap();
        assert_eq!((&mut first).now_or_never(), Some(Ok(())));
        check((1, 1), "one of two has gone");
        other.send(()).unwrap();
        assert_eq!((&mut second).now_or_never(), Some(Ok(())));
        check((1, 0), "both have gone");
        let _ = service.call(oneshot::channel().1).now_or_never();
        check((2, 0), "another has come and gone");
    }
}
