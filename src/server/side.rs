//! The tokio side of a broker: what is slow or sequential, asked for by a shard's action and answered by mail.

use std::sync::Arc;
use std::time::Duration;

use riverrun_core::access::Principal;
use riverrun_core::action::{LoadCause, PagesOrder};
use riverrun_core::chunk::ChunkInput;
use riverrun_core::event::{ConnectionId, Event, LoadId};
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::StreamRef;
use riverrun_protocol::response::Response;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::clock::Clock;
use super::inherited::Inherited;
use super::location::Location;
use super::mail::{Mail, Output};
use super::mailbox::Postbox;
use super::shared::Shared;
use super::sorting::ControlRequest;
use crate::access::audit::{AuditSender, Call, Kind};
use crate::access::{Admitted, Tokens};
use crate::loader::Loader;
use crate::names::Names;
use crate::publish::Publisher;

/// Work for the tokio side. Bounded where it arises: by chunks in flight, loads in flight and requests per connection.
#[derive(Debug)]
pub enum SideOrder {
    StoreChunk {
        shard: u16,
        chunk: Arc<ChunkInput>,
    },
    InheritedPublished {
        shard: u16,
    },
    LoadStream {
        shard: u16,
        load: LoadId,
        target: StreamRef,
        cause: LoadCause,
    },
    LoadPages {
        shard: u16,
        load: LoadId,
        order: PagesOrder,
    },
    Control {
        shard: u16,
        connection: ConnectionId,
        id: u64,
        principal: Principal,
        request: ControlRequest,
        /// For the audit stream.
        call: Option<Box<Call>>,
    },
    Authenticate {
        shard: u16,
        connection: ConnectionId,
        id: u64,
        token: Secret,
        address: String,
        monotonic: Duration,
    },
}

/// What a client gave as its token. Its `Debug` does not show it.
pub struct Secret(pub Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where shards put their orders.
#[derive(Clone, Debug)]
pub struct SideOrders {
    queue: UnboundedSender<SideOrder>,
}

impl SideOrders {
    pub fn order(&self, order: SideOrder) {
        // Refused only when the broker is stopping and nobody waits for the answer.
        let _ = self.queue.send(order);
    }
}

pub fn side_orders() -> (SideOrders, UnboundedReceiver<SideOrder>) {
    let (sender, receiver) = unbounded_channel();
    (SideOrders { queue: sender }, receiver)
}

/// What carries orders out.
#[derive(Clone, Debug)]
pub struct Side {
    pub publisher: Arc<Publisher>,
    pub loader: Arc<Loader>,
    pub names: Arc<Names>,
    pub inherited: Arc<Inherited>,
    pub tokens: Arc<Tokens>,
    pub audit: AuditSender,
    pub clock: Clock,
    pub shards: Vec<Postbox>,
    pub shared: Arc<Shared>,
    pub location: Location,
}

impl Side {
    /// Takes orders for as long as any shard lives; each runs by itself.
    pub async fn run(self, mut orders: UnboundedReceiver<SideOrder>) {
        while let Some(order) = orders.recv().await {
            let side = self.clone();
            tokio::spawn(async move { side.carry_out(order).await });
        }
    }

    async fn carry_out(&self, order: SideOrder) {
        match order {
            SideOrder::StoreChunk { shard, chunk } => {
                let id = chunk.id;
                let outcome = self.publisher.store_chunk(chunk).await;
                if let Err(failure) = &outcome {
                    tracing::warn!(?id, ?failure, "a chunk was not stored");
                }
                self.happened(shard, Event::ChunkStored { chunk: id, outcome });
            }
            SideOrder::InheritedPublished { shard } => self.inherited.published(shard).await,
            SideOrder::LoadStream { shard, load, target, cause } => {
                let outcome = self.loader.load_stream(&target, cause).await;
                self.happened(shard, Event::StreamLoaded { load, outcome });
            }
            SideOrder::LoadPages { shard, load, order } => {
                let outcome = self.loader.load_pages(order).await;
                self.happened(shard, Event::PagesLoaded { load, outcome });
            }
            SideOrder::Authenticate { shard, connection, id, token, address, monotonic } => {
                let tell = |outcome: Result<Admitted, ErrorFrame>| {
                    if outcome.is_err() {
                        self.audit.note(self.clock.now(), denied_hello(address));
                    }
                    self.shards[usize::from(shard)].post(Mail::Authenticated { connection, id, outcome });
                };
                self.tokens.authenticate(&token.0, monotonic, tell).await;
            }
            SideOrder::Control { shard, connection, id, principal, request, call } => {
                let home = self.shards[usize::from(shard)].clone();
                let (audit, clock) = (self.audit.clone(), self.clock);
                let answer = move |outcome: Result<Response, ErrorFrame>| {
                    let ended = outcome.as_ref().map(drop);
                    call.into_iter().for_each(|call| audit.ended(clock.now(), *call, ended));
                    let output = outcome.map_or_else(Output::Fail, Output::Reply);
                    home.post(Mail::Output { from: None, connection, id, output, timed: None });
                };
                self.control(&principal, request, answer).await;
            }
        }
    }

    async fn control(
        &self,
        principal: &Principal,
        request: ControlRequest,
        answer: impl FnOnce(Result<Response, ErrorFrame>) + Send + 'static,
    ) {
        let (names, tokens) = (&self.names, &self.tokens);
        let outcome = match request {
            ControlRequest::CreateBasin(request) => names.create_basin(request).await,
            ControlRequest::ListBasins(request) => names.list_basins(&request, principal.basins()).await,
            ControlRequest::GetBasinConfig(basin) => names.basin_config(&basin).await,
            ControlRequest::ReconfigureBasin(request) => names.reconfigure_basin(request).await,
            ControlRequest::DeleteBasin(basin) => names.delete_basin(basin).await,
            ControlRequest::EnsureBasin(request) => names.ensure_basin(request).await,
            ControlRequest::CreateStream(request) => names.create_stream(request).await,
            ControlRequest::ListStreams(request) => {
                names.list_streams(&request, principal.streams(), principal.namespace()).await
            }
            ControlRequest::GetStreamConfig(target) => names.stream_config(&target).await,
            ControlRequest::ReconfigureStream(request) => names.reconfigure_stream(request).await,
            ControlRequest::DeleteStream(target) => names.delete_stream(target).await,
            ControlRequest::EnsureStream(request) => names.ensure_stream(request).await,
            ControlRequest::IssueAccessToken(issue) => tokens.issue(principal, issue).await,
            ControlRequest::ListAccessTokens(list) => tokens.list(principal, &list).await,
            // Whoever takes away its own token hears of it before it is cut off.
            ControlRequest::RevokeAccessToken(id) => return tokens.revoke(principal, id, answer).await,
            ControlRequest::RotateRootToken => return tokens.rotate_root(principal, answer).await,
            ControlRequest::ListLocations => Ok(Response::LocationList(vec![self.location.info()])),
            ControlRequest::GetDefaultLocation => Ok(Response::Location(self.location.info())),
            ControlRequest::SetDefaultLocation(name) => self.location.set_default(&name),
            ControlRequest::GetStages => {
                Ok(Response::StageHistograms(self.shared.stages(self.publisher.stages()).encode()))
            }
        };
        answer(outcome);
    }

    fn happened(&self, shard: u16, event: Event<'static>) {
        self.shards[usize::from(shard)].post(Mail::Happened(event));
    }
}

/// Nobody knows whose.
pub(super) fn denied_hello(address: String) -> Call {
    let (principal, resource) = ("unknown".to_owned(), "the account".to_owned());
    Call { principal, operation: "hello", resource, kind: Kind::Denied, address }
}
