//! From a stream's name to its entry, made now if it is missing and its basin says so (`s2-semantics.md` E7).

use std::sync::Arc;

use riverrun_core::action::LoadCause;
use riverrun_core::control::{StreamEntry, creates_on_first_use, find_or_create, find_stream};
use riverrun_protocol::request::StreamRef;

use super::end::{Caller, to_the_end};
use super::{NameError, Names, rows};

impl Names {
    /// Without a lock where the stream is there: this runs for every stream that is opened. A stream that is made here is durable
    /// when this returns.
    ///
    /// # Errors
    /// It is not there and not made, or is being deleted.
    pub async fn find_or_create(
        self: &Arc<Self>,
        target: &StreamRef,
        cause: LoadCause,
    ) -> Result<Arc<StreamEntry>, NameError> {
        let there = self.stream_row(target).await?;
        if find_stream(there.as_ref(), target)?.is_some() {
            return Ok(Arc::new(there.expect("it was found")));
        }
        creates_on_first_use(self.basin_row(&target.basin).await?.as_ref(), target, cause)?;
        let (names, target) = (Arc::clone(self), target.clone());
        to_the_end(self.place()?, |caller| async move { names.create_on_first_use(target, cause, caller).await }).await
    }

    async fn create_on_first_use(
        &self,
        target: StreamRef,
        cause: LoadCause,
        caller: Caller<Arc<StreamEntry>>,
    ) -> Result<Arc<StreamEntry>, NameError> {
        let _name = self.locks.stream(&target).await;
        let _basin = self.locks.hold_basin(&target.basin).await;
        let (basin, stream) = (self.basin_row(&target.basin).await?, self.stream_row(&target).await?);
        let found = find_or_create(basin.as_ref(), stream.as_ref(), &target, cause, &self.defaults, self.fresh()?)?;
        if found.is_to_be_written() {
            self.commit(rows::create_stream(&found.entry), &caller).await?;
        }
        Ok(Arc::new(found.entry))
    }
}
