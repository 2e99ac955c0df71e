//! Listings of basins and streams show what is in the principal's sets (`s2-semantics.md` F3).

use riverrun_core::access::{Principal, View};
use riverrun_protocol::request::{ListBasins, ListStreams};

/// The listing to ask for, and what of it is visible; `None`: nothing is.
pub fn narrow_basins(principal: &Principal, list: &ListBasins) -> Option<(ListBasins, View)> {
    let view = View::new(principal, |scope| &scope.basins, &list.prefix, &list.start_after, list.limit)?;
    let start_after = list.start_after.clone();
    Some((ListBasins { prefix: view.prefix.clone(), start_after, limit: view.limit }, view))
}

/// As [`narrow_basins`], for the streams of one basin.
pub fn narrow_streams(principal: &Principal, list: &ListStreams) -> Option<(ListStreams, View)> {
    let view = View::new(principal, |scope| &scope.streams, &list.prefix, &list.start_after, list.limit)?;
    let (basin, start_after) = (list.basin.clone(), list.start_after.clone());
    Some((ListStreams { basin, prefix: view.prefix.clone(), start_after, limit: view.limit }, view))
}
