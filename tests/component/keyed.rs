//! Test fixtures: access keys with their secrets, and servers with records.

use model_server::{
    Access, AccessKey, AccessKeys, KeyDigest, Records, ServeOptions, Server, Service, generate_key,
};
use tokio::net::TcpListener;

use crate::{
    harness::{Harness, Setup},
    http::{Client, Serving},
};

/// Keys with their secrets, for a server and its clients.
#[derive(Default)]
pub struct Keys {
    keys: AccessKeys,
    secrets: Vec<(String, String)>,
}

impl Keys {
    /// Adds a key.
    pub fn key(mut self, name: &str, change: impl FnOnce(&mut AccessKey)) -> Self {
        let secret = generate_key().expect("a key").expose().to_owned();
        let mut key = AccessKey::new(name, KeyDigest::of(&secret));
        change(&mut key);
        self.keys = self.keys.with(key).expect("a name of its own");
        self.secrets.push((name.to_owned(), secret));
        self
    }

    pub fn options(&self) -> ServeOptions {
        let address = "127.0.0.1:0".parse().expect("an address");
        ServeOptions::default()
            .with_access(Access::with_keys(address, None, self.keys.clone()).expect("keys"))
    }

    /// A client with this key.
    pub fn client(&self, serving: &Serving, name: &str) -> Client {
        let secret = self.secrets.iter().find(|(known, _)| known == name);
        Client {
            key: Some(secret.expect("a key").1.clone()),
            ..serving.client.clone()
        }
    }

    pub fn all(&self) -> &AccessKeys {
        &self.keys
    }

    pub fn secret(&self, name: &str) -> &str {
        let secret = self.secrets.iter().find(|(known, _)| known == name);
        &secret.expect("a key").1
    }

    pub async fn serve(&self, setup: Setup) -> Serving {
        Serving::with(setup, self.options()).await
    }
}

/// A server with records.
pub async fn recording(harness: Harness, options: ServeOptions, records: Records) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let service = Service::with_records(harness.host.clone(), options, records);
    let server = Server::start(listener, service).expect("a server");
    let client = Client {
        address: server.address(),
        key: None,
    };
    Serving {
        harness,
        server,
        client,
    }
}
