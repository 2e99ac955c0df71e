//! HTTPS: a certificate and its key from files, read again when they change, or of the broker's own making (for development).

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ServerConfig};

/// How often the files are looked at.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// HTTP/2 first: sessions of both directions share a connection with it.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// In the data folder.
const OWN_CERTIFICATE: &str = "http-cert.pem";
const OWN_KEY: &str = "http-key.pem";

/// A certificate chain and its key, in PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Why there is no HTTPS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{path}: {why}")]
    File { path: String, why: String },
    #[error("the certificate of {certificate} and the key of {key} cannot be used: {source}")]
    Pair { certificate: String, key: String, source: rustls::Error },
    #[error("no certificate could be made: {0}")]
    Own(String),
}

impl TlsError {
    pub fn what_to_do(&self) -> &'static str {
        match self {
            Self::File { .. } => "--http-tls-cert and --http-tls-key name PEM files that the broker may read",
            Self::Pair { .. } => {
                "the file of --http-tls-cert begins with the server's own certificate, --http-tls-key has that one's key"
            }
            Self::Own(_) => "the data folder must be writable; or name files with --http-tls-cert and --http-tls-key",
        }
    }
}

/// What a file looked like: a change of any of it is a new file.
type Stamp = Option<(u64, u64, i64, i64)>;

/// What the HTTP port shows of itself, as of the last time that the files could be read.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
    /// From before they were read: what changes meanwhile is a change.
    seen_first: [Stamp; 2],
}

impl Tls {
    /// # Errors
    /// Files that cannot be read, or do not belong together.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let seen_first = stamps(&files);
        let current = RwLock::new(Arc::new(read(&files)?));
        Ok(Self { files, current, seen_first })
    }

    /// For the next connection: those that are here keep what they began with.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Reads the files again whenever they change, for ever. What cannot be used is told once, and changes nothing: while one file of the two
    /// is new the other may not be yet.
    pub async fn follow_files(self: Arc<Self>) {
        let mut seen = self.seen_first;
        loop {
            sleep(LOOK_PAUSE).await;
            let tls = self.clone();
            // A disk that hangs holds up none of those who serve.
            seen = tokio::task::spawn_blocking(move || tls.look(seen)).await.unwrap_or(seen);
        }
    }

    fn look(&self, seen: [Stamp; 2]) -> [Stamp; 2] {
        let now = stamps(&self.files);
        if now != seen {
            self.reload();
        }
        now
    }

    fn reload(&self) {
        match read(&self.files) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!(certificate = %self.files.certificate.display(), "HTTPS shows a new certificate");
            }
            Err(error) => tracing::warn!(%error, "HTTPS goes on with the certificate that it has"),
        }
    }
}

fn stamps(files: &TlsFiles) -> [Stamp; 2] {
    let of = |data: Metadata| (data.ino(), data.len(), data.mtime(), data.mtime_nsec());
    [&files.certificate, &files.key].map(|path| fs::metadata(path).ok().map(of))
}

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let unreadable = |path: &Path, why: &dyn std::fmt::Display| TlsError::File {
        path: path.display().to_string(),
        why: why.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| unreadable(&files.certificate, &error))?;
    if chain.is_empty() {
        return Err(unreadable(&files.certificate, &"there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(&files.key, &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("ring knows both versions");
    let pair = builder.with_no_client_auth().with_single_cert(chain, key);
    let mut config = pair.map_err(|source| TlsError::Pair {
        certificate: files.certificate.display().to_string(),
        key: files.key.display().to_string(),
        source,
    })?;
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// A certificate of the broker's own, made once and kept in the data folder: whoever is told to trust it need not be told again.
///
/// # Errors
/// The data folder cannot be written.
pub fn own(data: &Path, zone: Option<&str>) -> Result<TlsFiles, TlsError> {
    let files = TlsFiles { certificate: data.join(OWN_CERTIFICATE), key: data.join(OWN_KEY) };
    if !(files.certificate.exists() && files.key.exists()) {
        make_own(&files, names(zone)).map_err(TlsError::Own)?;
    }
    Ok(files)
}

/// How the machine may be called by those who develop on it.
fn names(zone: Option<&str>) -> Vec<String> {
    let mut names = ["localhost", "*.localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    names.push(rustix::system::uname().nodename().to_string_lossy().into_owned());
    names.extend(zone.into_iter().flat_map(|zone| [zone.to_owned(), format!("*.{zone}")]));
    names
}

fn make_own(files: &TlsFiles, names: Vec<String>) -> Result<(), String> {
    let made = generate_simple_self_signed(names).map_err(|error| error.to_string())?;
    let write = |path: &Path, text: String, mode: u32| {
        write_anew(path, &text, mode).map_err(|error| format!("{}: {error}", path.display()))
    };
    // A certificate that is there is whole and has its key, whenever this was interrupted.
    let _ = fs::remove_file(&files.certificate);
    write(&files.key, made.signing_key.serialize_pem(), 0o600)?;
    write(&files.certificate, made.cert.pem(), 0o644)
}

fn write_anew(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let staged = path.with_extension("new");
    let _ = fs::remove_file(&staged);
    OpenOptions::new().write(true).create_new(true).mode(mode).open(&staged)?.write_all(text.as_bytes())?;
    fs::rename(staged, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder")
    }

    #[test]
    fn a_certificate_of_its_own_is_made_once_and_its_key_is_nobody_elses() {
        let folder = folder();
        let files = own(folder.path(), Some("b.example")).expect("made");
        Tls::load(files.clone()).expect("they belong together");
        let before = fs::read(&files.certificate).expect("there");
        assert_eq!(own(folder.path(), None).expect("kept"), files);
        assert_eq!(fs::read(&files.certificate).expect("there"), before);
        assert_eq!(fs::metadata(&files.key).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn where_making_it_was_interrupted_it_is_made_again() {
        let folder = folder();
        let files = own(folder.path(), None).expect("made");
        for (lost, left) in [(&files.certificate, "http-cert.new"), (&files.key, "http-key.new")] {
            fs::remove_file(lost).expect("removed");
            fs::write(folder.path().join(left), "-----BEG").expect("written");
            assert_eq!(own(folder.path(), None).expect("made"), files);
            Tls::load(files.clone()).expect("they belong together");
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let (one, other) = (folder(), folder());
        let (one, other) = (own(one.path(), None).expect("made"), own(other.path(), None).expect("made"));
        let refused = |files: TlsFiles| Tls::load(files).expect_err("refused");
        let error = refused(TlsFiles { key: other.key, ..one.clone() });
        assert!(matches!(error, TlsError::Pair { .. }), "{error}");
        for (files, path) in [
            (TlsFiles { key: "/no/such/key".into(), ..one.clone() }, "/no/such/key"),
            (TlsFiles { certificate: "/no/such/cert".into(), ..one.clone() }, "/no/such/cert"),
            (TlsFiles { certificate: one.key.clone(), ..one.clone() }, "http-key.pem"),
        ] {
            let error = refused(files);
            assert!(matches!(error, TlsError::File { .. }) && error.to_string().contains(path), "{error}");
            assert!(error.what_to_do().contains("--http-tls-cert"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_that_nobody_saw_happen_is_seen() {
        let (one, other) = (folder(), folder());
        let (files, new) = (own(one.path(), None).expect("made"), own(other.path(), None).expect("made"));
        let tls = Arc::new(Tls::load(files.clone()).expect("usable"));
        fs::rename(&new.certificate, &files.certificate).expect("renamed");
        fs::rename(&new.key, &files.key).expect("renamed");
        let (first, follower) = (Arc::as_ptr(&tls.current.read().expect("no panic")), tls.clone());
        tokio::spawn(follower.follow_files());
        sleep(LOOK_PAUSE * 3).await;
        assert_ne!(Arc::as_ptr(&tls.current.read().expect("no panic")), first);
    }

    #[tokio::test(start_paused = true)]
    async fn new_files_are_shown_and_half_of_a_change_is_not() {
        let (one, other) = (folder(), folder());
        let (files, new) = (own(one.path(), None).expect("made"), own(other.path(), None).expect("made"));
        let tls = Arc::new(Tls::load(files.clone()).expect("usable"));
        let shown = || Arc::as_ptr(&tls.current.read().expect("no panic"));
        let (first, follower) = (shown(), tls.clone());
        // Before anybody looks for the first time.
        fs::rename(&new.certificate, &files.certificate).expect("renamed");
        let follower = tokio::spawn(follower.follow_files());
        sleep(LOOK_PAUSE * 3).await;
        assert_eq!(shown(), first, "it has no key yet");
        fs::rename(&new.key, &files.key).expect("renamed");
        for _ in 0..100 {
            sleep(LOOK_PAUSE).await;
            if shown() != first {
                return;
            }
        }
        panic!("the new certificate is not shown: {}", follower.is_finished());
    }
}
