//! The publish step under kills and races. A kill between two steps is what it leaves: the steps up to there are done, their
//! values are forgotten without running destructors, and the directory is opened anew.

use std::sync::Barrier;

use bytes::Bytes;

use super::staged::link_name;
use super::*;

const NAME: &str = "chunks/0000000000000001/0000-e/0000000000000000";

fn open(root: &Path) -> LocalStore {
    LocalStore::open(root, Duration::ZERO).expect("opens")
}

fn staged(store: &LocalStore, content: &'static [u8]) -> StagedFile {
    let mut staged = store.stage(0).expect("staged");
    staged.append(&[Bytes::from_static(content)]).expect("appended");
    staged
}

fn read(store: &LocalStore, name: &str) -> Option<Vec<u8>> {
    fs::read(store.path(name).expect("a name")).ok()
}

fn staging_is_empty(store: &LocalStore) -> bool {
    fs::read_dir(store.root().join(STAGING)).expect("is there").next().is_none()
}

#[test]
fn a_removed_object_is_gone_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let mut large = store.stage(3 << 20).expect("staged");
    large.append(&[vec![7; 3 << 20].into()]).expect("appended");
    store.publish(large, NAME, PublishMode::Create).expect("published");
    store.remove(NAME).expect("removed");
    assert_eq!(read(&store, NAME), None);
    assert!(staging_is_empty(&store));
    store.remove(NAME).expect("what is not there is removed already");
}

#[test]
fn d9_a_kill_while_an_object_is_removed_leaves_no_part_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store.publish(staged(&store, b"whole"), NAME, PublishMode::Create).expect("published");
    fs::rename(store.path(NAME).expect("a name"), store.staging_path()).expect("the first step");
    drop(store);
    let store = open(folder.path());
    assert_eq!(read(&store, NAME), None);
    assert!(staging_is_empty(&store));
}

/// The steps, each leaving what a kill right behind it would.
const STEPS: [fn(&LocalStore); 6] = [
    |store| std::mem::forget(store.stage(0).expect("staged")),
    |store| std::mem::forget(staged(store, b"half")),
    |store| {
        let mut staged = staged(store, b"whole");
        staged.finish().expect("synced");
        std::mem::forget(staged);
    },
    |store| {
        let staged = staged(store, b"whole");
        store.make_folder(store.path(NAME).expect("a name").parent().expect("below the root")).expect("made");
        std::mem::forget(staged);
    },
    |store| {
        let mut staged = staged(store, b"whole");
        let target = store.path(NAME).expect("a name");
        store.make_folder(target.parent().expect("below the root")).expect("made");
        staged.name(&target, PublishMode::Create).expect("named");
        std::mem::forget(staged);
    },
    |store| {
        let staged = staged(store, b"whole");
        store.publish(staged, NAME, PublishMode::Create).expect("published");
    },
];

#[test]
fn d9_d21_a_kill_after_any_step_leaves_nothing_or_the_whole_object() {
    for (step, run) in STEPS.iter().enumerate() {
        let root = tempfile::tempdir().expect("a folder");
        let killed = open(root.path());
        run(&killed);
        drop(killed);

        let store = open(root.path());
        assert!(staging_is_empty(&store), "step {step}: leftovers are removed at start");
        let named = step >= 4;
        assert_eq!(read(&store, NAME), named.then(|| b"whole".to_vec()), "step {step}");
        let again = store.publish(staged(&store, b"second"), NAME, PublishMode::Create);
        assert_eq!(matches!(again, Err(PublishError::AlreadyExists)), named, "step {step}: {again:?}");
        assert_eq!(again.is_ok(), !named, "step {step}");
        assert!(staging_is_empty(&store), "step {step}: neither winner nor loser leaves anything");
    }
}

#[test]
fn of_many_creators_of_one_name_exactly_one_wins() {
    const CREATORS: usize = 4;
    let root = tempfile::tempdir().expect("a folder");
    let store = open(root.path());
    for round in 0..50 {
        let name = format!("chunks/race/{round}");
        let barrier = Barrier::new(CREATORS);
        let wins: Vec<bool> = std::thread::scope(|scope| {
            let create = |creator: usize| {
                let (store, name, barrier) = (&store, &name, &barrier);
                scope.spawn(move || {
                    let mut staged = store.stage(0).expect("staged");
                    staged.append(&[Bytes::from(vec![creator as u8; 1000])]).expect("appended");
                    barrier.wait();
                    store.publish(staged, name, PublishMode::Create).is_ok()
                })
            };
            let creators: Vec<_> = (0..CREATORS).map(create).collect();
            creators.into_iter().map(|creator| creator.join().expect("no panic")).collect()
        });
        let winner = wins.iter().position(|won| *won).expect("one wins");
        assert_eq!(wins.iter().filter(|won| **won).count(), 1, "round {round}: {wins:?}");
        assert_eq!(read(&store, &name), Some(vec![winner as u8; 1000]), "round {round}: the winner's, whole");
    }
    assert!(staging_is_empty(&store));
}

/// File systems without RENAME_NOREPLACE take this way.
#[test]
fn a_hard_link_refuses_to_replace_too() {
    let root = tempfile::tempdir().expect("a folder");
    let store = open(root.path());
    let target = store.path("object").expect("a name");
    let (first, second) = (staged(&store, b"first"), staged(&store, b"second"));
    link_name(&first.path, &target).expect("the first wins");
    assert!(matches!(link_name(&second.path, &target), Err(PublishError::AlreadyExists)));
    assert_eq!(read(&store, "object"), Some(b"first".to_vec()));
}

#[test]
fn replacing_shows_the_old_or_the_new_never_a_part() {
    let root = tempfile::tempdir().expect("a folder");
    let store = open(root.path());
    for content in [&b"one"[..], b"another one", b"x"] {
        let staged = staged(&store, content);
        store.publish(staged, "object", PublishMode::Replace).expect("replaced");
        assert_eq!(read(&store, "object").as_deref(), Some(content));
    }
}

#[test]
fn no_name_leads_out_of_the_store() {
    let root = tempfile::tempdir().expect("a folder");
    let store = open(root.path());
    for name in ["", "/", "..", "../x", "a/../../x", "chunks/../../x"] {
        assert!(store.path(name).is_err(), "{name:?}");
    }
    assert!(store.path("/chunks/a").expect("a name").starts_with(store.root()));
}

/// reliability.md D8: a sync that failed once is never tried again, and nothing more is published.
#[tokio::test]
async fn a_failed_folder_sync_ends_all_publishing() {
    let root = tempfile::tempdir().expect("a folder");
    let store = open(root.path());
    assert!(matches!(store.settle(Path::new("/nowhere/at/all")), Err(PublishError::SyncFailed(_))));
    assert!(store.failed().await.contains("/nowhere/at/all"));
    let refused = store.publish(staged(&store, b"x"), "object", PublishMode::Create);
    assert!(matches!(refused, Err(PublishError::SyncFailed(_))), "{refused:?}");
    assert_eq!(read(&store, "object"), None);
}

#[test]
fn what_was_found_can_be_made_durable_with_all_its_folders() {
    let root = tempfile::tempdir().expect("a folder");
    let store = open(&root.path().join("a/new/root"));
    store.publish(staged(&store, b"x"), NAME, PublishMode::Create).expect("published");
    store.sync_found(NAME).expect("synced");
    let missing = store.sync_found("chunks/none");
    assert!(matches!(&missing, Err(PublishError::NotDone(e)) if e.kind() == io::ErrorKind::NotFound), "{missing:?}");
}

/// reliability.md D8: the folder that was made is found by a second attempt, whose sync of the parent would succeed.
#[test]
fn a_failed_sync_while_making_folders_is_final() {
    let root = tempfile::tempdir().expect("a folder");
    let store = open(root.path());
    store.fail_next_sync.store(true, Ordering::Relaxed);
    for attempt in 0..2 {
        let refused = store.publish(staged(&store, b"x"), NAME, PublishMode::Create);
        assert!(matches!(refused, Err(PublishError::SyncFailed(_))), "attempt {attempt}: {refused:?}");
    }
    assert_eq!(read(&store, NAME), None);
}

/// reliability.md D8: neither is what was found made durable by asking until the disk says so.
#[tokio::test]
async fn a_failed_sync_of_something_found_is_final() {
    let root = tempfile::tempdir().expect("a folder");
    let store = open(root.path());
    store.publish(staged(&store, b"x"), NAME, PublishMode::Create).expect("published");
    store.fail_next_sync.store(true, Ordering::Relaxed);
    for attempt in 0..2 {
        let refused = store.sync_found(NAME);
        assert!(matches!(refused, Err(PublishError::SyncFailed(_))), "attempt {attempt}: {refused:?}");
    }
    assert!(store.failed().await.contains("0000000000000000"));
}
