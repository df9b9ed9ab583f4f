//! The OpenAI-compatible server as part of a program's own axum router:
//! `cargo run -p host-harness --example axum_mount`.

#[allow(dead_code, unreachable_pub, reason = "each example uses a part")]
mod common;

use axum::{Router, routing::get};
use model_server::{ServeOptions, Service};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let example = common::start().await?;
    let service = Service::new(example.host, ServeOptions::default());
    // The program's own routes beside the server's, which stay under their paths (`/v1/…`).
    let app = Router::new()
        .route("/", get(|| async { "the program's own page" }))
        .merge(service.router());

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });

    for path in ["/", "/v1/models"] {
        let body = get_text(address, path).await?;
        println!("{path}: {}", body.chars().take(80).collect::<String>());
    }
    Ok(())
}

/// One GET request over plain TCP, so that the example needs no HTTP client.
async fn get_text(address: std::net::SocketAddr, path: &str) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    Ok(response
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default())
}
