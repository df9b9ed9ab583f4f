//! DNS rebinding: the checked addresses are the dialed ones, whatever the name resolves to later, and which of
//! several is dialed.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tower::Service as _;

use super::{
    connector::{Connector, Dial, Resolver},
    dial::ConnectError,
    origin::Origin,
};

fn connector(origin: &str, allow_private: bool, script: fn(&str, u16) -> Vec<SocketAddr>) -> Connector {
    Connector::new(Dial {
        origin: Origin::parse(origin).unwrap(),
        allow_private,
        timeout: Duration::from_secs(20),
        tls: None,
        via: None,
        resolver: Resolver::Scripted(script),
        opened: Arc::new(AtomicU64::new(0)),
    })
}

async fn connect(connector: &mut Connector) -> Result<(), ConnectError> {
    connector.call(http::Uri::default()).await.map(drop)
}

#[tokio::test]
async fn one_refused_address_blocks_the_name() {
    let mut mixed = connector("http://api.test", false, |_, port| {
        vec![([93, 184, 216, 34], port).into(), ([10, 0, 0, 1], port).into()]
    });
    match connect(&mut mixed).await {
        Err(ConnectError::Prohibited(refused)) => assert_eq!(refused, [([10, 0, 0, 1], 80).into()]),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_that_resolves_differently_the_second_time_is_dialled_as_it_was_checked() {
    static PORT: AtomicU16 = AtomicU16::new(0);
    static ASKED: AtomicU64 = AtomicU64::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    PORT.store(listener.local_addr().unwrap().port(), Ordering::SeqCst);
    // First an address that is allowed here, then the cloud's metadata service.
    let mut rebound = connector("http://api.test", true, |name, _| {
        assert_eq!(name, "api.test");
        match ASKED.fetch_add(1, Ordering::SeqCst) {
            0 => vec![([127, 0, 0, 1], PORT.load(Ordering::SeqCst)).into()],
            _ => vec![([169, 254, 169, 254], 80).into()],
        }
    });
    let (connected, accepted) = tokio::join!(connect(&mut rebound), listener.accept());
    connected.unwrap();
    accepted.unwrap();
    assert_eq!(ASKED.load(Ordering::SeqCst), 1, "one connection resolves once");
    let second = connect(&mut rebound).await;
    assert!(matches!(second, Err(ConnectError::Prohibited(_))), "{second:?}");
    assert_eq!(ASKED.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_name_without_addresses_and_a_port_without_a_server_are_different_errors() {
    let mut nothing = connector("http://api.test", false, |_, _| Vec::new());
    assert!(matches!(connect(&mut nothing).await, Err(ConnectError::Dns)));
    let mut closed = connector("http://localhost", false, |_, _| vec![([127, 0, 0, 1], 1).into()]);
    let refused = connect(&mut closed).await.unwrap_err();
    assert_eq!(refused.reason().0, "the connection was refused");
}

#[cfg(target_os = "linux")]
/// A port of this machine whose accept queue is full, and the connections that fill it.
async fn full_port() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await
    {
        held.push(stream.unwrap());
        assert!(held.len() < 64, "it takes them all");
    }
    (address, listener, held)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_unresponsive_address_does_not_delay_the_rest() {
    static FULL: AtomicU16 = AtomicU16::new(0);
    static PORT: AtomicU16 = AtomicU16::new(0);
    let (full, _listener, _held) = full_port().await;
    FULL.store(full.port(), Ordering::SeqCst);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    PORT.store(listener.local_addr().unwrap().port(), Ordering::SeqCst);
    let mut two = connector("http://localhost", false, |_, _| {
        [&FULL, &PORT]
            .map(|port| ([127, 0, 0, 1], port.load(Ordering::SeqCst)).into())
            .to_vec()
    });
    connect(&mut two).await.unwrap();
}

#[tokio::test]
async fn every_address_is_tried_before_a_connection_is_given_up() {
    static PORT: AtomicU16 = AtomicU16::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    PORT.store(listener.local_addr().unwrap().port(), Ordering::SeqCst);
    let mut many = connector("http://localhost", false, |_, _| {
        let closed = ["127.0.0.1:1", "[::1]:1", "127.0.0.2:1", "[::1]:2"];
        let mut all: Vec<SocketAddr> = closed.map(|address| address.parse().unwrap()).to_vec();
        all.push(([127, 0, 0, 1], PORT.load(Ordering::SeqCst)).into());
        all
    });
    connect(&mut many).await.unwrap();
}
