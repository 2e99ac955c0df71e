//! A page in a real browser (`RIVERRUN_CHROMIUM` = its binary; without it this says that it was skipped): it follows one stream by
//! `EventSource` with a ticket and by `fetch` with a token, comes back when its connections are cut, and may do nothing else.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::client::Http;
use super::{BASIN, http_addr, serve};
use crate::support::{Data, PATIENCE};

const PAGE: &str = include_str!("browser/page.html");
/// Records before the connections are cut, and after.
const RECORDS: [u64; 2] = [50, 50];

/// Passes bytes on between the browser and the broker, until it is told to cut every connection there is.
struct Relay {
    addr: String,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound").to_string();
        let open = Arc::new(Mutex::new(Vec::new()));
        let accepted = open.clone();
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(&to) else { return };
                accepted
                    .lock()
                    .expect("no panic")
                    .extend([near.try_clone(), far.try_clone()].map(|s| s.expect("a handle")));
                pass_on(near.try_clone().expect("a handle"), far.try_clone().expect("a handle"));
                pass_on(far, near);
            }
        });
        Self { addr, open }
    }

    fn cut(&self) -> usize {
        let open: Vec<TcpStream> = self.open.lock().expect("no panic").drain(..).collect();
        // Those that have ended already cannot be shut down again.
        open.iter().filter(|socket| socket.shutdown(Shutdown::Both).is_ok()).count()
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

/// Serves the page, and hears what it says: `POST /NAME` with JSON.
fn serve_page(listener: TcpListener, page: String, heard: Sender<(String, Value)>) {
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let (page, heard) = (page.clone(), heard.clone());
            std::thread::spawn(move || answer(socket, &page, &heard));
        }
    });
}

fn answer(socket: TcpStream, page: &str, heard: &Sender<(String, Value)>) -> Option<()> {
    let mut reader = BufReader::new(socket);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        length = line.strip_prefix("content-length:").map_or(length, |n| n.trim().parse().expect("a length"));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let is_word = first.starts_with("POST ");
    if is_word {
        let name = first.split(['/', ' ']).nth(2).expect("a name").to_owned();
        let _ = heard.send((name, serde_json::from_slice(&body).expect("JSON")));
    }
    let body = if is_word { "" } else { page };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    reader.get_mut().write_all(format!("{head}{body}").as_bytes()).ok()
}

/// Ended when dropped.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn browse(binary: &str, profile: &std::path::Path, address: &str) -> Browser {
    let mut command = Command::new(binary);
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
    // It ends behind the page's load unless somebody may debug it.
    command.args(["--remote-debugging-port=0", "--disable-background-networking", "--disable-component-update"]);
    command.arg(format!("--user-data-dir={}", profile.display())).arg(address);
    Browser(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the browser runs"))
}

fn append(root: &Http, from: u64, count: u64) {
    let records: Vec<Value> = (from..from + count).map(|n| json!({"body": n.to_string()})).collect();
    let answer = root.json("POST", "/v1/streams/events/records", &json!({ "records": records }).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// What the page has said so far.
struct Page {
    words: Receiver<(String, Value)>,
    said: BTreeMap<String, Value>,
}

impl Page {
    fn says(&mut self, name: &str) -> Value {
        while !self.said.contains_key(name) {
            let next = self.words.recv_timeout(2 * PATIENCE);
            let (word, said) = next.unwrap_or_else(|why| panic!("{why} before {name}: {:?}", self.said));
            assert_ne!(word, "failed", "the page failed: {said}");
            self.said.insert(word, said);
        }
        self.said[name].clone()
    }
}

#[test]
fn a_page_follows_one_stream_by_ticket_and_by_token_and_can_do_nothing_else() {
    let Ok(binary) = std::env::var("RIVERRUN_CHROMIUM") else {
        println!("SKIPPED: RIVERRUN_CHROMIUM names no browser");
        return;
    };
    let (data, pages) = (Data::new(), TcpListener::bind("127.0.0.1:0").expect("a free port"));
    let origin = format!("http://{}", pages.local_addr().expect("bound"));
    let server = serve(&data, &["--auth", "required", "--http-allow-origin", &origin]);
    let http = Http::new(&http_addr(&server));
    let token = data.root_token();
    let root = http.with("authorization", format!("Bearer {}", token));
    let body = format!(r#"{{"basin":"{BASIN}","config":{{"create_stream_on_append":true}}}}"#);
    assert_eq!(root.json("POST", "/v1/basins", &body).status, 201);
    append(&root, 0, RECORDS[0]);
    let scope =
        json!({"id": "page", "scope": {"basins": {"exact": BASIN}, "streams": {"exact": "events"}, "ops": ["read"]}});
    let issued = root.json("POST", "/v1/access-tokens", &scope.to_string()).value();

    let relay = Relay::start(http.addr.clone());
    let given = json!({"broker": format!("http://{}", relay.addr), "basin": BASIN, "token": issued["access_token"], "first": RECORDS[0], "all": RECORDS[0] + RECORDS[1]});
    let (said, words) = channel();
    serve_page(pages, PAGE.replace("GIVEN", &given.to_string()), said);
    let profile = tempfile::tempdir().expect("a temporary folder");
    let _browser = browse(&binary, profile.path(), &format!("{origin}/"));

    let mut page = Page { words, said: BTreeMap::new() };
    page.says("first-by-ticket");
    page.says("first-by-token");
    assert!(relay.cut() >= 2, "both sessions were cut");
    append(&root, RECORDS[0], RECORDS[1]);
    let expected: Vec<u64> = (0..RECORDS[0] + RECORDS[1]).collect();
    for all in ["all-by-ticket", "all-by-token"] {
        let said = page.says(all);
        assert_eq!(said, json!({"records": expected, "connections": 2}), "{all}: no gap, no repeat");
    }
    let refused = json!({"append": 401, "single read": 403, "other stream": 403, "list": 401, "append by token": 403, "tail by token": 403});
    assert_eq!(page.says("refused"), refused);
}
