//! Listings (`s2-semantics.md` E3).

use bytes::Bytes;
use riverrun_core::access::Namespace;
use riverrun_core::control::{BasinEntry, Listing, StreamEntry, get_basin_config};
use riverrun_core::stored::StoredError;
use riverrun_protocol::access::ResourceSet;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::request::{ListBasins, ListStreams};
use riverrun_protocol::response::{BasinList, Response, StreamList};

use super::end::answered;
use super::{NameError, Names};

/// For a principal that nothing is hidden from.
pub const EVERYTHING: ResourceSet = ResourceSet::Prefix(String::new());

impl Names {
    pub async fn list_basins(&self, request: &ListBasins, visible: &ResourceSet) -> Result<Response, ErrorFrame> {
        let listing = Listing::basins(request, visible);
        let found = answered(self.list(&listing, BasinEntry::decode)).await?;
        let page = listing.page(found);
        let basins = page.entries.iter().map(BasinEntry::info).collect();
        Ok(Response::BasinList(BasinList { basins, has_more: page.has_more }))
    }

    /// A basin that does not exist is an error, as S2's API description has it (`s2-semantics.md` E3).
    pub async fn list_streams(
        &self,
        request: &ListStreams,
        visible: &ResourceSet,
        namespace: Option<Namespace<'_>>,
    ) -> Result<Response, ErrorFrame> {
        let listing = Listing::streams(request, visible, namespace);
        let found = answered(async {
            get_basin_config(self.basin_row(&request.basin).await?.as_ref(), &request.basin)?;
            self.list(&listing, StreamEntry::decode).await
        });
        let page = listing.page(found.await?);
        let streams = page.entries.iter().map(StreamEntry::info).collect();
        Ok(Response::StreamList(StreamList { streams, has_more: page.has_more }))
    }

    async fn list<T>(
        &self,
        listing: &Listing,
        decode: impl Fn(&[u8]) -> Result<T, StoredError>,
    ) -> Result<Vec<T>, NameError> {
        if listing.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.catalog.scan(listing.keys.clone(), listing.scan_max()).await?;
        let shown = rows.iter().filter(|(key, _): &&(Bytes, Bytes)| listing.shows(key));
        Ok(shown.map(|(_, value)| decode(value)).collect::<Result<_, _>>()?)
    }
}
