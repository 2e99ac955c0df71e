//! What Riverrun relies on, tried once per store (reliability.md D13, F43): a name can be created only once, whoever asks;
//! what was created reads back whole and in ranges; what was not is absent.
//!
//! The fencing of old owners rests on the first. There are stores that accept the condition and ignore it, and the only way
//! to know is to try. A store that passed is marked, so that later starts cost one small read.

use bytes::Bytes;
use opendal::Operator;
use riverrun_core::plan::put::PutOutcome;

use super::objects::OpendalObjects;
use super::{Objects, StoreError, StoreUrl};

/// Bumped when the test asks for more.
const PASSED: &str = "selftest/passed-1";
const FIRST: &[u8] = b"first writer's object";
const SECOND: &[u8] = b"second writer's";

pub async fn run_once(operator: &Operator, url: &StoreUrl) -> Result<(), StoreError> {
    let objects = OpendalObjects::new(operator.clone(), None);
    if objects.size(PASSED).await?.is_some() {
        return Ok(());
    }
    let probe = format!("selftest/probe-{:016x}", nonce(url)?);
    let verdict = run(&objects, &probe).await;
    let _ = operator.delete(&probe).await;
    if let Some(what) = verdict? {
        return Err(StoreError::Unsafe { url: url.to_string(), what });
    }
    match objects.put_if_absent(PASSED, vec![Bytes::from_static(b"conditional create, range reads\n")]).await {
        PutOutcome::Created | PutOutcome::AlreadyExists => Ok(()),
        other => Err(no_answer(PASSED, &other)),
    }
}

/// `Some(what is wrong)`, or `None` if nothing is.
pub async fn run(objects: &dyn Objects, probe: &str) -> Result<Option<String>, StoreError> {
    if objects.get(probe).await?.is_some() {
        return Ok(Some("an object that was never written can be read".to_owned()));
    }
    if let Some(wrong) = create_twice(objects, probe).await? {
        return Ok(Some(wrong));
    }
    read_back(objects, probe).await
}

async fn create_twice(objects: &dyn Objects, probe: &str) -> Result<Option<String>, StoreError> {
    match objects.put_if_absent(probe, vec![Bytes::from_static(FIRST)]).await {
        PutOutcome::Created => {}
        PutOutcome::AlreadyExists => return Ok(Some("a new object is said to exist already".to_owned())),
        other => return Err(no_answer(probe, &other)),
    }
    match objects.put_if_absent(probe, vec![Bytes::from_static(SECOND)]).await {
        PutOutcome::AlreadyExists => Ok(None),
        PutOutcome::Created => Ok(Some("an object can be created twice, so that two owners could both win".to_owned())),
        other => Err(no_answer(probe, &other)),
    }
}

async fn read_back(objects: &dyn Objects, probe: &str) -> Result<Option<String>, StoreError> {
    let bytes = FIRST.len() as u64;
    let whole = objects.get(probe).await?;
    if whole.as_deref() != Some(FIRST) {
        return Ok(Some("an object does not read back as it was first written".to_owned()));
    }
    for (start, end) in [(0, 5), (6, 12), (bytes - 1, bytes)] {
        let range = objects.get_range(probe, start..end).await?;
        if range != FIRST[start as usize..end as usize] {
            return Ok(Some(format!("a read of the range {start}..{end} returned other bytes")));
        }
    }
    match objects.size(probe).await? {
        Some(size) if size == bytes => Ok(None),
        other => Ok(Some(format!("an object of {bytes} bytes is said to have {other:?}"))),
    }
}

fn no_answer(name: &str, outcome: &PutOutcome) -> StoreError {
    StoreError::failed("create", name, format!("{outcome:?}"))
}

fn nonce(url: &StoreUrl) -> Result<u64, StoreError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::open(url, error.to_string()))?;
    Ok(u64::from_le_bytes(bytes))
}
