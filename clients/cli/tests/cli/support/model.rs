//! A broker as small as can be: in memory, a thread per connection and per read session, no credit, no durability. It follows
//! `s2-semantics.md` B and C as far as these tests look, and fails where it is told to.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::{Command, RecordView, Stamp, check_ingest, stamp};
use riverrun_protocol::config::{BasinConfig, StreamConfig};
use riverrun_protocol::frame::{Cut, cut};
use riverrun_protocol::request::{AppendConditions, ReadParams, Request, StreamRef};
use riverrun_protocol::response::{
    AccessTokenInfo, AppendAck, HelloAccepted, LocationInfo, Push, Response, SessionOpened, StageHistogram,
    StageHistograms, StatusReport, TailReport,
};
use riverrun_protocol::types::{FencingToken, LocationName};
use riverrun_protocol::{Batch, ErrorCode, ErrorFrame, FrameHeader, Level, Position, StreamId};

use super::control::SYSTEM;
use super::reads::{Outcome, start_of};

/// Every record arrives at this time unless it says otherwise.
pub const ARRIVAL_MS: u64 = 1_771_390_606_217;

/// A running model; the port is its own.
pub struct Model {
    pub addr: String,
    shared: Arc<Shared>,
}

pub struct Shared {
    state: Mutex<State>,
    /// Rung after every change.
    changed: Condvar,
}

#[derive(Default)]
pub struct State {
    pub basins: BTreeMap<String, Basin>,
    pub access_tokens: BTreeMap<String, AccessTokenInfo>,
    /// The token that a hello must have; any will do if there is none.
    pub token: Option<Vec<u8>>,
    /// Whether that token allows nothing but saying hello.
    pub powerless: bool,
    /// So many more session inputs are answered; the next one's connection is cut instead.
    pub inputs_until_cut: Option<u32>,
}

#[derive(Default)]
pub struct Basin {
    pub config: BasinConfig,
    pub deleted_at_ms: Option<u64>,
    pub streams: BTreeMap<String, Stream>,
}

pub struct Stream {
    pub config: StreamConfig,
    pub deleted_at_ms: Option<u64>,
    pub fencing_token: FencingToken,
    pub batches: Vec<Batch>,
}

impl Default for Stream {
    fn default() -> Self {
        let (deleted_at_ms, fencing_token) = (None, FencingToken::default());
        Self { config: SYSTEM, deleted_at_ms, fencing_token, batches: Vec::new() }
    }
}

impl Model {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let accepting = shared.clone();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let connection = Connection { shared: accepting.clone(), socket: Arc::new(socket.unwrap()) };
                thread::spawn(move || connection.serve());
            }
        });
        Self { addr, shared }
    }

    /// A model with one basin that creates streams by itself.
    pub fn with_basin(name: &str) -> Self {
        let model = Self::start();
        let config =
            BasinConfig { create_stream_on_append: true, create_stream_on_read: true, ..BasinConfig::default() };
        let basin = Basin { config, ..Basin::default() };
        model.shared.lock().basins.insert(name.to_owned(), basin);
        model
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// Blocks until a stream has so many records.
    pub fn wait_for_records(&self, basin: &str, stream: &str, records: u64) {
        let mut state = self.shared.lock();
        while state
            .basins
            .get(basin)
            .and_then(|b| b.streams.get(stream))
            .is_none_or(|s| tail(&s.batches).seq_num < records)
        {
            state = self.shared.changed.wait(state).unwrap();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    /// The stream, created on the way if its basin says so.
    fn stream(&mut self, target: &StreamRef, append: bool) -> Result<&mut Stream, ErrorFrame> {
        let (basin, stream) = (target.basin.as_str(), target.stream.as_str());
        let none = |code| ErrorFrame::new(code, format!("no {target:?}"));
        let basin = self.basins.get_mut(basin).ok_or_else(|| none(ErrorCode::BasinNotFound))?;
        let create = if append { basin.config.create_stream_on_append } else { basin.config.create_stream_on_read };
        let stream = if create {
            basin.streams.entry(stream.to_owned()).or_default()
        } else {
            basin.streams.get_mut(stream).ok_or_else(|| none(ErrorCode::StreamNotFound))?
        };
        match stream.deleted_at_ms {
            Some(_) => Err(ErrorFrame::new(ErrorCode::StreamDeletionPending, "stream deletion pending")),
            None => Ok(stream),
        }
    }
}

/// The last fence wins (`s2-semantics.md` B4); trimming may take its time, and here it takes for ever (B5).
fn obey(stream: &mut Stream, record: &RecordView) {
    if !record.is_command() {
        return;
    }
    if let Command::Fence(token) = Command::parse(&record.headers[0].1, &record.body).unwrap() {
        stream.fencing_token = token.parse().unwrap();
    }
}

pub fn tail(stream: &[Batch]) -> Position {
    let position = |batch: &Batch| Position { seq_num: batch.end_seq_num(), timestamp: batch.last_timestamp() };
    stream.last().map_or_else(Position::default, position)
}

#[derive(Clone)]
struct Connection {
    shared: Arc<Shared>,
    socket: Arc<TcpStream>,
}

pub type Answer = Result<Response, ErrorFrame>;

impl Connection {
    fn serve(self) {
        let mut received = BytesMut::new();
        let mut sessions = BTreeMap::new();
        let mut scratch = vec![0; 64 << 10];
        loop {
            match cut(&received) {
                Ok(Cut::Complete { header, body, consumed }) => {
                    let frame = received.split_to(consumed).freeze();
                    if self.on_frame(header, &frame.slice(body), &mut sessions).is_none() {
                        let _ = self.socket.shutdown(std::net::Shutdown::Both);
                        return;
                    }
                }
                Ok(Cut::Incomplete { .. }) => match (&*self.socket).read(&mut scratch) {
                    Ok(n) if n > 0 => received.extend_from_slice(&scratch[..n]),
                    _ => return,
                },
                Err(_) => return,
            }
        }
    }

    /// `None` cuts the connection.
    fn on_frame(&self, header: FrameHeader, body: &[u8], sessions: &mut BTreeMap<u64, StreamRef>) -> Option<()> {
        let id = header.id;
        let request = match Request::parse(header.kind, body) {
            Ok(request) => request,
            Err(error) => return self.answer(id, Err(error.into())),
        };
        let answer = match request {
            Request::OpenAppendSession(target) => {
                let opened = self.opened(&target, true);
                sessions.insert(id, target);
                opened.map(Response::AppendSessionOpened)
            }
            Request::SessionAppend(input) => self.append(&sessions[&id], &input.conditions, input.batch)?,
            Request::Append(append) => self.append(&append.target, &append.conditions, append.batch)?,
            Request::OpenReadSession(open) => {
                let connection = self.clone();
                thread::spawn(move || connection.read_session(id, &open.target, &open.params));
                return Some(());
            }
            Request::GrantCredit(_) => return Some(()),
            Request::CloseAppendSession | Request::CloseReadSession => Ok(Response::SessionEnded),
            request => self.unary(&request),
        };
        self.answer(id, answer)
    }

    fn unary(&self, request: &Request<'_>) -> Answer {
        let mut state = self.shared.lock();
        match request {
            Request::Hello(hello) if state.token.as_ref().is_some_and(|token| *token != hello.token) => {
                Err(ErrorFrame::new(ErrorCode::Authn, "the access token is not valid"))
            }
            Request::Hello(_) => Ok(Response::HelloAccepted(hello())),
            _ if state.powerless => {
                let why = format!("the access token does not allow {}", request.kind());
                Err(ErrorFrame::new(ErrorCode::PermissionDenied, why))
            }
            Request::Ping(ping) => Ok(Response::Pong { nonce: ping.nonce }),
            Request::Status => Ok(Response::Status(status())),
            Request::GetStages => Ok(Response::StageHistograms(stages())),
            Request::ListLocations => Ok(Response::LocationList(vec![location()])),
            Request::GetDefaultLocation => Ok(Response::Location(location())),
            Request::SetDefaultLocation(name) if *name == location().name => Ok(Response::Location(location())),
            Request::SetDefaultLocation(name) => {
                Err(ErrorFrame::new(ErrorCode::Invalid, format!("there is no location `{name}`")))
            }
            Request::CheckTail(target) => {
                let tail = tail(&state.stream(target, false)?.batches);
                Ok(Response::Tail(TailReport { tail, level: Level::Memory, shard: 0 }))
            }
            request => state.control(request),
        }
    }

    /// Conditions in the order of `s2-semantics.md` B3.
    fn append(&self, target: &StreamRef, conditions: &AppendConditions, batch: &[u8]) -> Option<Answer> {
        let mut state = self.shared.lock();
        if let Some(left) = &mut state.inputs_until_cut {
            *left = left.checked_sub(1)?;
        }
        let stream = match state.stream(target, true) {
            Ok(stream) => stream,
            Err(refusal) => return Some(Err(refusal)),
        };
        let start = tail(&stream.batches);
        if conditions.fencing_token.as_ref().is_some_and(|token| *token != stream.fencing_token) {
            return Some(Err(ErrorFrame::fencing_token_mismatch(stream.fencing_token.clone())));
        }
        if conditions.match_seq_num.is_some_and(|seq_num| seq_num != start.seq_num) {
            return Some(Err(ErrorFrame::seq_num_mismatch(start.seq_num)));
        }
        check_ingest(batch).unwrap();
        let mut bytes = batch.to_vec();
        let by = Stamp {
            stream_id: StreamId([1; 16]),
            first_seq_num: start.seq_num,
            arrival_ms: ARRIVAL_MS,
            expires_at_ms: 0,
        };
        stamp(&mut bytes, &by, |timestamp| timestamp.unwrap_or(ARRIVAL_MS).max(start.timestamp));
        let batch = Batch::parse(bytes.into()).unwrap();
        batch.records().for_each(|record| obey(stream, &record.unwrap()));
        stream.batches.push(batch);
        let end = tail(&stream.batches);
        self.shared.changed.notify_all();
        Some(Ok(Response::AppendAck(AppendAck { start, end, tail: end, level: Level::Memory, shard: 0 })))
    }

    fn opened(&self, target: &StreamRef, append: bool) -> Result<SessionOpened, ErrorFrame> {
        let mut state = self.shared.lock();
        let tail = tail(&state.stream(target, append)?.batches);
        Ok(SessionOpened { stream_id: StreamId([1; 16]), shard: 0, tail })
    }

    /// History, then, without bounds, live for as long as the connection takes it.
    fn read_session(&self, id: u64, target: &StreamRef, params: &ReadParams) {
        let opened = match self.opened(target, false) {
            Ok(opened) => opened,
            Err(refusal) => {
                self.answer(id, Err(refusal));
                return;
            }
        };
        let history = history_of(self, target);
        let mut next = match start_of(&history, params, opened.tail) {
            Outcome::From(next) => next,
            Outcome::Unwritten(refusal) => {
                self.answer(id, Err(refusal));
                return;
            }
        };
        let mut said = self.answer(id, Ok(Response::ReadSessionOpened(opened)));
        let mut left = params.count.unwrap_or(u64::MAX);
        while said.is_some() {
            let (read, more) = super::reads::read(&history_of(self, target), &mut next, &mut left, params);
            if !read.parts.is_empty() {
                said = self.push(id, &Push::Records(read));
            } else if more && params.count.is_none() && params.bytes.is_none() && params.until.is_none() {
                said = self.push(id, &Push::Heartbeat { tail: tail(&history_of(self, target)) });
                self.wait_for_change(target, next);
            } else {
                self.answer(id, Ok(Response::SessionEnded));
                return;
            }
        }
    }

    fn wait_for_change(&self, target: &StreamRef, next: u64) {
        let mut state = self.shared.lock();
        while tail(&state.stream(target, false).unwrap().batches).seq_num == next {
            state = self.shared.changed.wait(state).unwrap();
        }
    }

    fn answer(&self, id: u64, answer: Answer) -> Option<()> {
        let mut out = BytesMut::new();
        match answer {
            Ok(response) => response.write(id, &mut out),
            Err(refusal) => refusal.write(id, &mut out),
        }
        (&*self.socket).write_all(&out).ok()
    }

    fn push(&self, id: u64, push: &Push) -> Option<()> {
        let mut out = BytesMut::new();
        push.write(id, &mut out);
        (&*self.socket).write_all(&out).ok()
    }
}

fn history_of(connection: &Connection, target: &StreamRef) -> Vec<Batch> {
    connection.shared.lock().stream(target, false).unwrap().batches.clone()
}

fn hello() -> HelloAccepted {
    HelloAccepted {
        version: 1,
        features: 0,
        shards: 1,
        shard: 0,
        frame_body_bytes_max: riverrun_protocol::limits::FRAME_BODY_BYTES_MAX as u32,
        batch_bytes_max: riverrun_protocol::limits::BATCH_BYTES_MAX as u32,
        batch_records_max: riverrun_protocol::limits::BATCH_RECORDS_MAX as u32,
        agent: "model/1".to_owned(),
    }
}

fn location() -> LocationInfo {
    LocationInfo { name: LocationName::new("local").unwrap(), is_private: false }
}

/// One stage, of which nothing was measured: all that an HdrHistogram of 1 to 2 at one digit is.
fn stages() -> StageHistograms {
    let header = [0x1c84_9313_u32, 0, 0, 1];
    let ends = [1u64, 2].map(u64::to_be_bytes).concat();
    let ratio = 1f64.to_bits().to_be_bytes();
    let bytes = [header.map(u32::to_be_bytes).concat(), ends, ratio.to_vec()].concat();
    StageHistograms { stages: vec![StageHistogram { name: "ack_send".to_owned(), histogram: bytes.into() }] }
}

fn status() -> StatusReport {
    StatusReport {
        shards: 1,
        uptime_ms: 1000,
        connections: 1,
        streams_open: 0,
        epoch: 1,
        level: Level::Memory,
        store: "memory:".to_owned(),
        version: "model/1".to_owned(),
        counters: vec![("appends".to_owned(), 3)],
    }
}

/// A port where somebody answers every connection with these bytes.
pub fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _ = socket.read(&mut [0; 1024]);
            let _ = socket.write_all(bytes);
        }
    });
    addr
}

/// A port where nobody listens.
pub fn deserted() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A record's body for `Batch`es made by hand.
pub fn bodies(batches: &[Batch]) -> Vec<Bytes> {
    batches.iter().flat_map(|batch| batch.records().map(|record| record.unwrap().body).collect::<Vec<_>>()).collect()
}
