//! HTTP on a listener, made while somebody is connected.
//!
//! The HTTP service renews the date of its answers twice a second on each thread, whether or not anybody asks. So it is
//! made with the first connection and goes with the last, and an idle daemon is not woken. What the routes are made of
//! stays.

mod lasting;

use std::convert::Infallible;
use std::fmt::Debug;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::time::Duration;

use actix_http::{HttpService, HttpServiceBuilder, Protocol, Request, TlsAcceptorConfig};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _};
use actix_web::body::BoxBody;
use actix_web::dev::{
    AppConfig, Extensions, Response, Service, ServiceFactory, ServiceResponse, fn_factory, fn_service,
};
use actix_web::rt::net::UnixStream;
use actix_web::web::ServiceConfig;
use actix_web::{App, Error};
use rustls::ServerConfig;

use lasting::WhileConnected;

/// What somebody is given to say good-bye.
const DISCONNECT: Duration = Duration::from_secs(1);

/// The bounds of a listener's connections.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// Threads that serve them.
    pub workers: usize,
    /// Of each thread.
    pub most: usize,
    /// For a handshake, and for the first request's head.
    pub header_timeout: Duration,
    pub keep_alive: Duration,
    /// For open requests when the server is stopped in order.
    pub drain_timeout: Duration,
}

impl Connections {
    /// Serves these routes over TCP, and over TLS where there is something to show.
    pub fn on_tcp(
        self,
        listener: TcpListener,
        tls: Option<ServerConfig>,
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<Server> {
        let (server, stopping) = self.server();
        let address = listener.local_addr()?;
        let name = address.to_string();
        let Some(tls) = tls else {
            let listening = server.listen(name, listener, move || {
                let (routes, stopping) = (routes.clone(), stopping.clone());
                fn_factory(move || {
                    let (app, stopping) = (app(routes.clone()), stopping.clone());
                    async move {
                        let app = app.await?;
                        let http = move || self.http(&stopping).local_addr(address).finish(shared(&app)).tcp();
                        Ok::<_, ()>(WhileConnected::new(http))
                    }
                })
            });
            return Ok(listening?.run());
        };
        // A handshake is a connection like another: it has its time, and no bound of its own.
        actix_tls::accept::max_concurrent_tls_connect(usize::MAX);
        let listening = server.listen(name, listener, move || {
            let (routes, stopping, tls) = (routes.clone(), stopping.clone(), tls.clone());
            fn_factory(move || {
                let (app, stopping, tls) = (app(routes.clone()), stopping.clone(), tls.clone());
                async move {
                    let app = app.await?;
                    Ok::<_, ()>(WhileConnected::new(move || {
                        let handshake = TlsAcceptorConfig::default().handshake_timeout(self.header_timeout);
                        self.http(&stopping).finish(shared(&app)).rustls_0_23_with_config(tls.clone(), handshake)
                    }))
                }
            })
        });
        Ok(listening?.run())
    }

    /// Serves these routes over a socket; `connected` notes who it is.
    pub fn on_socket(
        self,
        listener: UnixListener,
        connected: fn(&UnixStream, &mut Extensions),
        routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> io::Result<Server> {
        let (server, stopping) = self.server();
        let listening = server.listen_uds("socket", listener, move || {
            let (routes, stopping) = (routes.clone(), stopping.clone());
            fn_factory(move || {
                let (app, stopping) = (app(routes.clone()), stopping.clone());
                async move {
                    let app = app.await?;
                    Ok::<_, ()>(WhileConnected::new(move || {
                        let http = self.http(&stopping).on_connect_ext(connected).finish(shared(&app));
                        fn_service(|stream: UnixStream| async { Ok((stream, Protocol::Http1, None)) }).and_then(http)
                    }))
                }
            })
        });
        Ok(listening?.run())
    }

    fn server(self) -> (ServerBuilder, GracefulShutdownSignal) {
        let server = ServerBuilder::new()
            .workers(self.workers)
            .max_concurrent_connections(self.most)
            .disable_signals()
            .shutdown_timeout(self.drain_timeout.as_secs().max(1));
        let stopping = server.graceful_shutdown_signal();
        (server, stopping)
    }

    fn http<T, S>(self, stopping: &GracefulShutdownSignal) -> HttpServiceBuilder<T, S>
    where
        S: ServiceFactory<Request, Config = ()>,
        S::Error: Into<Response<BoxBody>> + 'static,
        S::InitError: Debug,
        S::Response: Into<Response<BoxBody>> + 'static,
        <S::Service as Service<Request>>::Future: 'static,
    {
        let stopping = stopping.clone();
        HttpService::<T, S, BoxBody>::build()
            .keep_alive(self.keep_alive)
            .client_request_timeout(self.header_timeout)
            .client_disconnect_timeout(DISCONNECT)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
    }
}

/// The routes of one thread.
async fn app(
    routes: impl FnOnce(&mut ServiceConfig),
) -> Result<Rc<impl Service<Request, Response = ServiceResponse<BoxBody>, Error = Error, Future: 'static>>, ()> {
    App::new().configure(routes).into_factory().new_service(AppConfig::default()).await.map(Rc::new)
}

/// Gives away what was made already.
fn shared<S>(
    app: &Rc<S>,
) -> impl ServiceFactory<
    Request,
    Config = (),
    Response = S::Response,
    Error = S::Error,
    InitError = Infallible,
    Service = Rc<S>,
    Future: 'static,
> + use<S>
where
    S: Service<Request> + 'static,
{
    let app = Rc::clone(app);
    fn_factory(move || std::future::ready(Ok(Rc::clone(&app))))
}
