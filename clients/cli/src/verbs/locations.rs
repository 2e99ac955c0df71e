//! `list-locations`, `get-default-location`, `set-default-location NAME`.

use riverrun_client::{Error, LocationInfo, LocationName};

use crate::Globals;
use crate::console::print;
use crate::errors::Failure;
use crate::server;

/// List the places where basins can be
#[derive(clap::Args, Clone, Copy, PartialEq, Eq, Debug)]
#[command(after_help = "A broker has one place, which `serve --location` names.

Examples:
  riverrun list-locations")]
pub struct ListLocations {}

/// Print where basins are whose creators name no place
#[derive(clap::Args, Clone, Copy, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun get-default-location")]
pub struct GetDefaultLocation {}

/// Say where basins shall be whose creators name no place
#[derive(clap::Args, Clone, PartialEq, Eq, Debug)]
#[command(after_help = "Examples:
  riverrun set-default-location local")]
pub struct SetDefaultLocation {
    /// One of those that list-locations prints
    #[arg(value_name = "NAME")]
    pub location: LocationName,
}

pub async fn list(globals: &Globals, _: ListLocations) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let listed = server::patiently("listing the locations", client.list_locations()).await;
    show(globals, "the locations could not be listed", listed)
}

pub async fn get_default(globals: &Globals, _: GetDefaultLocation) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let location = server::patiently("asking for the default location", client.get_default_location()).await;
    show(globals, "the default location is not known", location.map(|location| vec![location]))
}

pub async fn set_default(globals: &Globals, args: SetDefaultLocation) -> Result<(), Failure> {
    let client = server::connect(globals).await?;
    let name = args.location.as_str();
    let location = server::patiently("setting the default location", client.set_default_location(name)).await;
    show(globals, "the default location was not set", location.map(|location| vec![location]))
}

/// A name per line.
fn show(globals: &Globals, what: &str, locations: Result<Vec<LocationInfo>, Error>) -> Result<(), Failure> {
    match locations {
        Ok(locations) => {
            let lines: String = locations.iter().map(|location| format!("{}\n", location.name)).collect();
            print(&lines).map(|_| ())
        }
        Err(error) => Err(Failure::of_call(globals, what, &error)),
    }
}
