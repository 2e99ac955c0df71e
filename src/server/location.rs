//! Where this broker's basins are (`s2-semantics.md` E10): in one place, which has a name.

use riverrun_protocol::error::{ErrorCode, ErrorFrame};
use riverrun_protocol::response::{LocationInfo, Response};
use riverrun_protocol::types::LocationName;

/// The only one, and so the default.
#[derive(Clone, Debug)]
pub struct Location(pub LocationName);

impl Location {
    pub fn info(&self) -> LocationInfo {
        LocationInfo { name: self.0.clone(), is_private: false }
    }

    /// # Errors
    /// `Invalid` for any other than the one that there is.
    pub fn set_default(&self, name: &LocationName) -> Result<Response, ErrorFrame> {
        match *name == self.0 {
            true => Ok(Response::Location(self.info())),
            false => {
                Err(ErrorFrame::new(ErrorCode::Invalid, format!("there is no location `{name}`, only `{}`", self.0)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e10_the_only_one_is_the_default() {
        let name = |name| LocationName::new(name).expect("a name");
        let location = Location(name("rack-7"));
        assert_eq!(location.set_default(&name("rack-7")), Ok(Response::Location(location.info())));
        let refused = location.set_default(&name("rack-8")).expect_err("there is none");
        assert_eq!(refused.code, ErrorCode::Invalid);
        assert!(refused.message.contains("rack-8") && refused.message.contains("rack-7"), "{}", refused.message);
    }
}
