//! A QUIC server that echoes, and a client for it.
use super::{
    error::{LabError, Result},
    namespace::Namespace,
};
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, ServerConfig, TokioRuntime,
    rustls::{
        RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use std::{
    net::{Ipv6Addr, SocketAddr, UdpSocket},
    path::Path,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::oneshot;

/// Listens on UDP 443 of every address; each stream gets back what it sent.
#[derive(Debug)]
pub(super) struct QuicServer {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl QuicServer {
    pub(super) fn start(namespace: &Namespace, folder: &Path) -> Result<Self> {
        let bad = |error: &dyn std::fmt::Display| LabError::Unexpected(format!("QUIC server: {error}"));
        let certificate =
            CertificateDer::from_pem_file(folder.join("server.pem")).map_err(|error| bad(&error))?;
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).map_err(|error| bad(&error))?;
        let config = ServerConfig::with_single_cert(vec![certificate], key).map_err(|error| bad(&error))?;
        let socket = namespace
            .enter(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 443)))?
            .map_err(LabError::io("listening for QUIC"))?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = runtime();
            runtime.block_on(async move {
                let endpoint =
                    Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(TokioRuntime))
                        .expect("a bound UDP socket makes an endpoint");
                tokio::select! {
                    () = serve(endpoint) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for QuicServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has already said so on stderr.
            let _ = thread.join();
        }
    }
}

async fn serve(endpoint: Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                if let Ok(bytes) = receive.read_to_end(64 << 20).await {
                    // The client that went away has its own error to report.
                    let _ = send.write_all(&bytes).await;
                    let _ = send.finish();
                }
            }
        });
    }
}

/// What a QUIC client met with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuicOutcome {
    /// What came back on the stream.
    Answered(Vec<u8>),
    /// The connection did not come about or broke; why.
    Failed(String),
}

/// Connects from inside `namespace` to `server` with `name` as SNI, sends `bytes` on a stream and returns what came back.
pub fn exchange(
    namespace: &Namespace,
    authority: &Path,
    server: SocketAddr,
    name: &str,
    bytes: &[u8],
    within: Duration,
) -> Result<QuicOutcome> {
    let bad = |error: &dyn std::fmt::Display| LabError::Unexpected(format!("QUIC client: {error}"));
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).map_err(|error| bad(&error))?;
    roots.add(certificate).map_err(|error| bad(&error))?;
    let config = ClientConfig::with_root_certificates(Arc::new(roots)).map_err(|error| bad(&error))?;
    let attempt = async move {
        let local: SocketAddr =
            if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let mut endpoint = Endpoint::client(local).map_err(|error| error.to_string())?;
        endpoint.set_default_client_config(config);
        let connection = endpoint.connect(server, name).map_err(|error| error.to_string())?;
        let connection = connection.await.map_err(|error| error.to_string())?;
        let (mut send, mut receive) = connection.open_bi().await.map_err(|error| error.to_string())?;
        let sending = async {
            send.write_all(bytes).await.map_err(|error| error.to_string())?;
            send.finish().map_err(|error| error.to_string())
        };
        sending.await?;
        let answer = receive.read_to_end(64 << 20).await.map_err(|error| error.to_string())?;
        connection.close(0u32.into(), b"done");
        endpoint.wait_idle().await;
        Ok::<_, String>(answer)
    };
    namespace.enter(move || {
        runtime().block_on(async move {
            match tokio::time::timeout(within, attempt).await {
                Ok(Ok(bytes)) => QuicOutcome::Answered(bytes),
                Ok(Err(reason)) => QuicOutcome::Failed(reason),
                Err(_) => QuicOutcome::Failed("no connection in time".into()),
            }
        })
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a timer and a poller are always to be had")
}
