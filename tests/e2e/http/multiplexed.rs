//! HTTP/2 with prior knowledge, on the same port (`s2-semantics.md` H9): what S2's Go, Python and TypeScript clients speak.

use bytes::Bytes;
use http::Request;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use super::{BASIN, with_basin};
use crate::support::Data;

type Sender = h2::client::SendRequest<Bytes>;

async fn connect(addr: &str) -> Sender {
    let socket = TcpStream::connect(addr).await.expect("it listens");
    let (sender, connection) =
        h2::client::Builder::new().max_send_buffer_size(8 << 20).handshake(socket).await.expect("its settings come");
    tokio::spawn(connection);
    sender.ready().await.expect("ready")
}

fn request(method: &str, addr: &str, path: &str, content_type: &str) -> Request<()> {
    let uri = format!("http://{addr}{path}");
    let request =
        Request::builder().method(method).uri(uri).header("s2-basin", BASIN).header("content-type", content_type);
    request.body(()).expect("a request")
}

async fn body(mut stream: h2::RecvStream) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.expect("it does not break off");
        stream.flow_control().release_capacity(piece.len()).expect("released");
        whole.extend_from_slice(&piece);
    }
    whole
}

#[test]
fn h9_calls_and_sessions_share_a_connection() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    Runtime::new().expect("a runtime").block_on(async {
        let mut sender = connect(&http.addr).await;
        let open = request("POST", &http.addr, "/v1/streams/s/records", "s2s/proto");
        let (session, mut inputs) = sender.send_request(open, false).expect("sent");
        let session = session.await.expect("its headers come before any input");
        assert_eq!(session.status(), 200);
        let mut acks = session.into_body();
        // AppendInput { records: [AppendRecord { body: "ab" }] }
        let frame = Bytes::from_static(b"\x00\x00\x07\x00\x0a\x04\x1a\x02ab");
        for _ in 0..3 {
            inputs.send_data(frame.clone(), false).expect("sent");
            let ack = acks.data().await.expect("an ack").expect("whole");
            assert_eq!(ack[3], 0, "a regular frame");
        }
        let calls = (0..20).map(|_| {
            let tail = request("GET", &http.addr, "/v1/streams/s/records/tail", "application/json");
            sender.send_request(tail, true).expect("sent").0
        });
        for call in calls.collect::<Vec<_>>() {
            let answer = call.await.expect("answered");
            assert_eq!(answer.status(), 200);
            let tail: serde_json::Value = serde_json::from_slice(&body(answer.into_body()).await).expect("JSON");
            assert_eq!(tail["tail"]["seq_num"], serde_json::json!(3));
        }
        inputs.send_data(Bytes::new(), true).expect("ended");
        assert!(body(acks).await.is_empty(), "a clean end");
    });
}

#[test]
fn h9_windows_are_large_and_streams_are_many() {
    let data = Data::new();
    let (_server, http) = with_basin(&data);
    Runtime::new().expect("a runtime").block_on(async {
        let mut sender = connect(&http.addr).await;
        let open = request("POST", &http.addr, "/v1/streams/s/records", "s2s/proto");
        let (session, inputs) = sender.send_request(open, false).expect("sent");
        let _acks = session.await.expect("opened");
        assert!(sender.current_max_send_streams() >= 100, "{}", sender.current_max_send_streams());
        let mut inputs = inputs;
        inputs.reserve_capacity(4 << 20);
        assert!(inputs.capacity() >= 1 << 20, "{}", inputs.capacity());
    });
}
