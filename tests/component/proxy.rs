//! A minimal HTTP proxy: makes tunnels, forwards requests, counts, and resolves names as configured.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// A running proxy. Closes its connections when it is dropped.
pub struct Proxy {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    swallowing: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Forwards everything to this port of this machine. With `key`, only for clients that send it (`Basic …`).
    pub async fn start(target: u16, key: Option<&'static str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let swallowing = watch::Sender::new(());
        let told = swallowing.subscribe();
        let accepting = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // Earlier notifications do not concern this connection.
                let mut told = told.clone();
                told.mark_unchanged();
                open.spawn(lead(stream, target, key, Arc::clone(&seen), told));
            }
        });
        Self {
            port,
            heads,
            swallowing,
            accepting,
        }
    }

    /// From now on nothing passes the existing connections, and neither side is notified.
    pub fn swallow(&self) {
        self.swallowing.send_replace(());
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first line of every connection so far.
    pub fn requests(&self) -> Vec<String> {
        let heads = self.heads.lock().expect("nobody panics");
        let lines = heads.iter().filter_map(|head| head.lines().next());
        lines.map(str::to_owned).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn lead(
    mut client: TcpStream,
    target: u16,
    key: Option<&str>,
    seen: Arc<Mutex<Vec<String>>>,
    mut swallowing: watch::Receiver<()>,
) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    seen.lock().expect("nobody panics").push(text.clone());
    let shown = text.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("proxy-authorization").then_some(value)
    });
    if key.is_some() && shown != key {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        return client.write_all(refusal).await.ok();
    }
    let mut server = TcpStream::connect(("127.0.0.1", target)).await.ok()?;
    if text.starts_with("CONNECT ") {
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await
            .ok()?;
    } else {
        server.write_all(&head).await.ok()?;
    }
    tokio::select! {
        copied = tokio::io::copy_bidirectional(&mut client, &mut server) => copied.map(|_| ()).ok(),
        Ok(()) = swallowing.changed() => std::future::pending().await,
    }
}
