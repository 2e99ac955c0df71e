//! HTTPS (reliability.md 5.1): certificates from files and of the broker's own, both versions of HTTP, and what is not TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{http_addr, serve};
use crate::support::{Data, PATIENCE, Server, riverrun, until};

type Secure = StreamOwned<ClientConnection, TcpStream>;

fn own_certificate(data: &Data) -> PathBuf {
    data.data().join("http-cert.pem")
}

fn trusting(certificate: &Path, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).expect("PEM")).expect("a certificate");
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("both");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

fn connect(server: &Server, config: &Arc<ClientConfig>) -> Secure {
    let socket = TcpStream::connect(http_addr(server)).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let name = ServerName::try_from("localhost").expect("a name");
    StreamOwned::new(ClientConnection::new(config.clone(), name).expect("a client"), socket)
}

/// To the end of a connection that is not kept.
fn get(stream: &mut Secure, path: &str) -> std::io::Result<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Over a connection that is kept.
fn is_served(stream: &mut Secure) -> bool {
    write!(stream, "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nOK") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    answer.starts_with(b"HTTP/1.1 200")
}

#[test]
fn a_certificate_of_its_own_serves_both_versions() {
    let data = Data::new();
    let server = serve(&data, &["--http-tls-self-signed"]);
    assert!(server.says("http").contains(" https://"), "{}", server.says("http"));
    let config = trusting(&own_certificate(&data), &[b"http/1.1"]);
    let mut stream = connect(&server, &config);
    let answer = get(&mut stream, "/v1/basins").expect("answered");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let config = trusting(&own_certificate(&data), &[b"h2", b"http/1.1"]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(http_addr(&server)).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = tokio_rustls::TlsConnector::from(config).connect(name, socket).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = h2::client::handshake(stream).await.expect("its settings come");
        tokio::spawn(connection);
        let request = http::Request::get("https://localhost/v1/basins").body(()).expect("a request");
        let answer = sender.ready().await.expect("ready").send_request(request, true).expect("sent").0;
        assert_eq!(answer.await.expect("answered").status(), 200);
    });
}

#[test]
fn whoever_is_told_to_trust_it_need_not_be_told_again() {
    let data = Data::new();
    let config = {
        let server = serve(&data, &["--http-tls-self-signed"]);
        let config = trusting(&own_certificate(&data), &[]);
        assert!(get(&mut connect(&server, &config), "/health").is_ok());
        config
    };
    let again = serve(&data, &["--http-tls-self-signed"]);
    assert!(get(&mut connect(&again, &config), "/health").expect("trusted").ends_with("OK"));
}

/// As tools that renew certificates do: the files change below a broker that runs.
#[test]
fn new_files_are_shown_to_the_next_and_nobody_is_cut_off() {
    let (data, other) = (Data::new(), Data::new());
    drop(serve(&other, &["--http-tls-self-signed"]));
    drop(serve(&data, &["--http-tls-self-signed"]));
    let (certificate, key) = (data.path().join("cert.pem"), data.path().join("key.pem"));
    let install = |from: &Data| {
        for (name, to) in [("http-key.pem", &key), ("http-cert.pem", &certificate)] {
            let staged = to.with_extension("new");
            fs::copy(from.data().join(name), &staged).expect("copied");
            fs::rename(&staged, to).expect("renamed");
        }
    };
    install(&data);
    let (cert_argument, key_argument) = (certificate.to_string_lossy(), key.to_string_lossy());
    let server = serve(&data, &["--http-tls-cert", &cert_argument, "--http-tls-key", &key_argument]);
    let (old, new) = (trusting(&own_certificate(&data), &[]), trusting(&own_certificate(&other), &[]));
    let mut kept = connect(&server, &old);
    assert!(is_served(&mut kept));
    assert!(get(&mut connect(&server, &new), "/health").is_err(), "it is not shown yet");
    install(&other);
    let is_shown = || get(&mut connect(&server, &new), "/health").is_ok();
    until("the new certificate is shown", || is_served(&mut kept) && is_shown());
    assert!(get(&mut connect(&server, &old), "/health").is_err());
    assert!(is_served(&mut kept));
}

#[test]
fn f50_what_is_no_tls_is_closed_and_others_are_served() {
    let data = Data::new();
    let server = serve(&data, &["--http-tls-self-signed"]);
    let config = trusting(&own_certificate(&data), &[]);
    for bytes in
        [&b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"[..], b"\x16\x03\x01\xff\xff", b"PRI * HTTP/2.0\r\n", b""]
    {
        let mut socket = TcpStream::connect(http_addr(&server)).expect("it listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        socket.write_all(bytes).expect("sent");
        let mut said = Vec::new();
        // A reset is an end as well; whoever says nothing is closed after a while.
        let _ = socket.read_to_end(&mut said);
        assert!(!said.starts_with(b"HTTP/"), "{said:?}");
        assert!(get(&mut connect(&server, &config), "/health").is_ok(), "others are served");
    }
}

#[test]
fn files_that_cannot_be_used_are_refused_at_the_start() {
    let (data, other) = (Data::new(), Data::new());
    drop(serve(&data, &["--http-tls-self-signed"]));
    drop(serve(&other, &["--http-tls-self-signed"]));
    let path = |data: &Data, name: &str| data.data().join(name).to_string_lossy().into_owned();
    let (certificate, key) = (path(&data, "http-cert.pem"), path(&other, "http-key.pem"));
    for (certificate, key, says) in [
        (certificate.as_str(), key.as_str(), "cannot be used"),
        (certificate.as_str(), "/no/such/file", "/no/such/file"),
        (key.as_str(), key.as_str(), "there is no certificate in it"),
    ] {
        let arguments = ["--http", "127.0.0.1:0", "--http-tls-cert", certificate, "--http-tls-key", key];
        let mut command = riverrun();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path().join("unused")).args(arguments);
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(says) && said.contains("--http-tls-cert"), "{said}");
    }
    assert!(!data.path().join("unused").exists(), "nothing was touched");
}

/// In the clear it would be refused (reliability.md 5.1, bind); and where others can come, they need a token.
#[test]
fn with_a_certificate_it_listens_where_others_are() {
    let data = Data::new();
    let server = data.serve(&["--http", "0.0.0.0:0", "--http-tls-self-signed"]);
    let config = trusting(&own_certificate(&data), &[]);
    assert!(get(&mut connect(&server, &config), "/v1/basins").expect("answered").starts_with("HTTP/1.1 401"));
}
