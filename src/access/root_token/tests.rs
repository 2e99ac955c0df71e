//! Every crash between the steps of a replacement, and every state a start can find.

use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tempfile::TempDir;

use super::*;
use crate::catalog::model::{ModelRows, WriteFault};
use crate::catalog::{Change, Row};

const OPEN: RootTokenPolicy = RootTokenPolicy { required: false, is_memory: false, replace: false };
const REQUIRED: RootTokenPolicy = RootTokenPolicy { required: true, ..OPEN };

struct World {
    rows: Arc<ModelRows>,
    catalog: Arc<dyn Catalog>,
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        let rows = Arc::new(ModelRows::default());
        Self { catalog: rows.open(), rows, folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self) -> RootFile {
        RootFile::new(&self.folder.path().join("data"))
    }

    async fn start(&self, policy: RootTokenPolicy) -> Result<(), RootTokenError> {
        prepare(&*self.catalog, &self.file(), policy, 1).await
    }

    /// The file holds the token of the row, and only its owner may read it.
    async fn assert_sound(&self) -> String {
        let row = stored(&*self.catalog).await.expect("readable").expect("a row");
        assert!(holds(&self.file().path, &row).expect("readable"));
        let mode = fs::metadata(self.file().path()).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!self.file().new_path().exists(), "nothing is left beside it");
        fs::read_to_string(self.file().path()).expect("readable")
    }
}

#[tokio::test]
async fn a_start_makes_it_once() {
    let world = World::new();
    world.start(REQUIRED).await.expect("made");
    let first = world.assert_sound().await;
    world.start(REQUIRED).await.expect("kept");
    assert_eq!(world.assert_sound().await, first);
}

#[tokio::test]
async fn a_replacement_cut_off_before_or_behind_the_row_leaves_one_that_works() {
    for fault in [WriteFault::RequestLost, WriteFault::AnswerLost] {
        let world = World::new();
        world.start(REQUIRED).await.expect("made");
        let old = world.assert_sound().await;
        world.rows.fail_next_write(fault);
        replace(&*world.catalog, &world.file(), 2).await.expect_err("cut off");
        world.start(REQUIRED).await.expect("one of the two works");
        let row = stored(&*world.catalog).await.expect("readable").expect("a row");
        assert!(holds(&world.file().path, &row).expect("readable"), "{fault:?}");
        let now = fs::read_to_string(world.file().path()).expect("readable");
        assert_eq!(now == old, fault == WriteFault::RequestLost, "{fault:?}");
        replace(&*world.catalog, &world.file(), 3).await.expect("goes on from there");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn a_second_replacement_does_not_write_over_a_token_that_may_work() {
    let world = World::new();
    world.start(REQUIRED).await.expect("made");
    world.rows.fail_next_write(WriteFault::AnswerLost);
    replace(&*world.catalog, &world.file(), 2).await.expect_err("cut off behind the row");
    world.rows.fail_next_write(WriteFault::RequestLost);
    replace(&*world.catalog, &world.file(), 3).await.expect_err("cut off before the row");
    world.start(REQUIRED).await.expect("the first replacement's works");
}

/// Puts a token there, as an operator does.
fn put(file: &RootFile, mode: u32) -> TokenSecret {
    let mine = TokenSecret::new([3; 16], [4; 32]);
    fs::create_dir_all(file.folder()).expect("made");
    fs::write(file.path(), mine.reveal()).expect("written");
    fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).expect("set");
    mine
}

#[tokio::test]
async fn a_file_from_before_the_row_is_adopted() {
    let world = World::new();
    let mine = put(&world.file(), 0o600);
    world.start(OPEN).await.expect("adopted");
    let row = stored(&*world.catalog).await.expect("readable").expect("a row");
    assert_eq!(row, RootTokenRow::new(&mine, 1));
}

#[tokio::test]
async fn a_token_that_others_know_is_not_adopted() {
    for mode in [0o640, 0o604, 0o620, 0o644] {
        let world = World::new();
        put(&world.file(), mode);
        let error = world.start(REQUIRED).await.expect_err("anybody could be root");
        assert!(matches!(error, RootTokenError::Exposed { .. }), "{error}");
        assert_eq!(stored(&*world.catalog).await.expect("readable"), None);
    }
}

/// Whoever owns a file can put another token into it, also if this process runs as root and could read everybody's.
#[test]
fn a_token_that_somebody_else_has_put_there_is_not_adopted() {
    for (user, owner, is_adopted) in [(1000, 1000, true), (0, 0, true), (0, 1000, false), (1000, 0, false)] {
        assert_eq!(is_of(user, owner, 0o100_600), is_adopted, "{user} finds what {owner} has put there");
    }
}

/// A catalog behind whose writes a folder takes the file's place, over which no file can be renamed.
struct InTheWay(Arc<dyn Catalog>, PathBuf);

impl Catalog for InTheWay {
    fn get(&self, key: Bytes) -> BoxFuture<'_, Result<Option<Bytes>, CatalogError>> {
        self.0.get(key)
    }

    fn write(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), CatalogError>> {
        let get_in_the_way = |_: &_| {
            fs::remove_file(&self.1).expect("the old file");
            fs::create_dir(&self.1).expect("a folder");
        };
        self.0.write(changes).inspect(get_in_the_way).boxed()
    }

    fn scan(&self, keys: Range<Bytes>, rows_max: usize) -> BoxFuture<'_, Result<Vec<Row>, CatalogError>> {
        self.0.scan(keys, rows_max)
    }

    fn writer_epoch(&self) -> u64 {
        self.0.writer_epoch()
    }

    fn closed(&self) -> BoxFuture<'_, CatalogError> {
        self.0.closed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), CatalogError>> {
        self.0.close()
    }
}

/// The row is written and the file cannot take its name: the old token is dead, which its connections must hear, and the new one
/// is beside the file for the next start.
#[tokio::test]
async fn a_replacement_whose_file_cannot_take_its_name_has_killed_the_old_token() {
    let world = World::new();
    world.start(REQUIRED).await.expect("made");
    let (file, old) = (world.file(), stored(&*world.catalog).await.expect("readable").expect("a row"));
    let catalog = InTheWay(Arc::clone(&world.catalog), file.path().to_owned());
    let replacement = Replacement::begin(&catalog, &file, 2).await.expect("a new one beside the file");
    assert_eq!(replacement.old(), Some(old.public_id));
    catalog.write(replacement.changes()).await.expect("written");
    let error = replacement.finish().expect_err("it has no name");
    assert!(matches!(error, RootTokenError::File { action: "rename", .. }), "{error}");
    let row = stored(&*world.catalog).await.expect("readable").expect("a row");
    assert_ne!(row.public_id, old.public_id);
    fs::remove_dir(file.path()).expect("out of the way");
    world.start(REQUIRED).await.expect("goes on from there");
    assert_eq!(stored(&*world.catalog).await.expect("readable"), Some(row));
    world.assert_sound().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_not_taken_for_none() {
    let world = World::new();
    fs::create_dir_all(world.file().path()).expect("a folder in its place");
    for policy in [OPEN, REQUIRED] {
        let error = world.start(policy).await.expect_err("it may hold the token that works");
        assert!(matches!(error, RootTokenError::File { action: "read", .. }), "{error}");
    }
}

#[tokio::test]
async fn a_lost_file_stops_only_those_who_need_it_and_a_new_one_can_be_asked_for() {
    let world = World::new();
    world.start(REQUIRED).await.expect("made");
    let long = "x".repeat(FILE_BYTES_MAX as usize + 1);
    for content in ["", "rrt_nothing", &TokenSecret::new([9; 16], [9; 32]).reveal(), &long] {
        fs::write(world.file().path(), content).expect("written");
        let lost = world.start(REQUIRED).await.expect_err("nobody could get in");
        assert!(matches!(lost, RootTokenError::Lost { .. }) && lost.what_to_do().contains("--new-root-token"));
        world.start(OPEN).await.expect("everybody gets in anyway");
    }
    world.start(RootTokenPolicy { replace: true, ..REQUIRED }).await.expect("replaced");
    world.assert_sound().await;
}

const MEMORY: RootTokenPolicy = RootTokenPolicy { is_memory: true, ..REQUIRED };

#[tokio::test]
async fn a_store_in_memory_makes_one_only_if_it_must_and_replaces_only_its_own() {
    let world = World::new();
    let file = RootFile::of_memory(&world.folder.path().join("data"));
    let start = |policy| prepare(&*world.catalog, &file, policy, 1);
    start(RootTokenPolicy { required: false, ..MEMORY }).await.expect("nothing to do");
    assert!(!file.path().exists());
    start(MEMORY).await.expect("made");
    let first = world.assert_sound().await;
    replace(&*world.catalog, &file, 2).await.expect("its own");
    assert_ne!(world.assert_sound().await, first);
}

#[tokio::test]
async fn a_store_in_memory_leaves_the_file_of_another_store_alone() {
    let world = World::new();
    let file = RootFile::of_memory(&world.folder.path().join("data"));
    let mine = put(&file, 0o600);
    let start = |policy| prepare(&*world.catalog, &file, policy, 1);
    start(RootTokenPolicy { required: false, ..MEMORY }).await.expect("nothing to do");
    assert_eq!(stored(&*world.catalog).await.expect("readable"), None, "nobody needs it");
    start(MEMORY).await.expect("adopted");
    let replaced = replace(&*world.catalog, &file, 2).await.expect_err("it made none");
    assert!(matches!(replaced, RootTokenError::Foreign { .. }), "{replaced}");
    start(RootTokenPolicy { replace: true, ..MEMORY }).await.expect_err("it made none");
    assert_eq!(fs::read_to_string(file.path()).expect("readable"), mine.reveal());
    fs::rename(file.path(), file.new_path()).expect("as a replacement that was cut off leaves it");
    replace(&*world.catalog, &file, 2).await.expect_err("it may be the one that works");
}
