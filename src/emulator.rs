//! The development registry.
#[derive(Default)]
pub struct Options;
pub async fn run(
    _l: std::net::TcpListener,
    _o: Options,
    s: tokio_util::sync::CancellationToken,
) -> std::io::Result<()> {
    s.cancelled().await;
    Ok(())
}
