//! Where basins can be (`s2-semantics.md` E10).

use riverrun_protocol::request::Request;
use riverrun_protocol::response::{LocationInfo, Response};
use riverrun_protocol::types::LocationName;

use super::Client;
use crate::error::Error;
use crate::pool::unexpected;
use crate::retry::Effect;

impl Client {
    /// The places that the server knows.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// for location in client.list_locations().await? {
    ///     println!("{}", location.name);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn list_locations(&self) -> Result<Vec<LocationInfo>, Error> {
        match self.ask(&Request::ListLocations, Effect::None).await? {
            Response::LocationList(list) => Ok(list),
            other => Err(unexpected(&other, Effect::None)),
        }
    }

    /// Where a basin is whose creator names no place.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// println!("{}", client.get_default_location().await?.name);
    /// # Ok(()) }
    /// ```
    pub async fn get_default_location(&self) -> Result<LocationInfo, Error> {
        match self.ask(&Request::GetDefaultLocation, Effect::None).await? {
            Response::Location(info) => Ok(info),
            other => Err(unexpected(&other, Effect::None)),
        }
    }

    /// Says where basins shall be whose creators name no place. Safe to repeat.
    ///
    /// ```no_run
    /// # async fn example(client: riverrun_client::Client) -> Result<(), riverrun_client::Error> {
    /// client.set_default_location("local").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Code `Invalid` for a place that the server does not know.
    pub async fn set_default_location(&self, name: &str) -> Result<LocationInfo, Error> {
        match self.ask(&Request::SetDefaultLocation(LocationName::new(name)?), Effect::None).await? {
            Response::Location(info) => Ok(info),
            other => Err(unexpected(&other, Effect::None)),
        }
    }
}
