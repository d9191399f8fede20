//! TLS on a listener. The certificate is looked up for each handshake, so that another one is shown after a reload, while
//! connections that are open go on.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// TLS 1.2 and 1.3, with the certificate that `shown` gives at that moment.
pub fn acceptor(
    shown: impl Fn() -> Option<Arc<CertifiedKey>> + Send + Sync + 'static,
) -> Result<ServerConfig, rustls::Error> {
    let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let clients = versions.with_safe_default_protocol_versions()?.with_no_client_auth();
    Ok(clients.with_cert_resolver(Arc::new(Shown(shown))))
}

struct Shown<F>(F);

impl<F: Fn() -> Option<Arc<CertifiedKey>> + Send + Sync> ResolvesServerCert for Shown<F> {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        (self.0)()
    }
}

impl<F> fmt::Debug for Shown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}
