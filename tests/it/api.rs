//! The api role end to end: the role's router on a port of its own, asked over HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on panics, in its helpers too"
)]

mod demo_pages;
mod document;
mod drafts;
mod fixtures;
mod gate;
mod matrix;
mod platform;
mod refresh;
mod rows;
mod second_factor;
mod sessions;
mod sign_in;
mod uploads;
mod writes;

use std::net::SocketAddr;

pub(crate) use fixtures::fixtures;
use hub::testing::World;
use reqwest::{Client, Method, RequestBuilder};
pub(crate) use rows::Rows;

/// The api of a world, listening.
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
}

impl Api {
    pub(crate) async fn start(world: &World) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hub = world.hub.clone();
        world
            .hub
            .tasks
            .spawn("test.api", async move { api::run(hub, listener).await.unwrap() });
        let client = Client::builder().no_proxy().build().unwrap();
        Self { address, client }
    }

    /// A request below `/api/v1`.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}/api/v1{path}", self.address);
        self.client.request(method, url)
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }
}
