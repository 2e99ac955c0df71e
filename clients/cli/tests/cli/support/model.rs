//! A broker as small as can be: in memory, a thread per connection and per read session, no credit, no durability. It follows
//! `s2-semantics.md` B and C as far as these tests look, and fails where it is told to.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use bytes::{Bytes, BytesMut};
use riverrun_protocol::batch::{Stamp, check_ingest, stamp};
use riverrun_protocol::frame::{Cut, cut};
use riverrun_protocol::request::{ReadParams, Request, StreamRef};
use riverrun_protocol::response::{
    AppendAck, BasinInfo, BasinList, HelloAccepted, Push, Response, SessionOpened, StatusReport, StreamInfo,
    StreamList, TailReport,
};
use riverrun_protocol::{Batch, ErrorCode, ErrorFrame, FrameHeader, Level, Position, StreamId};

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
    /// So many more session inputs are answered; the next one's connection is cut instead.
    pub inputs_until_cut: Option<u32>,
}

#[derive(Default)]
pub struct Basin {
    pub create_stream_on_append: bool,
    pub create_stream_on_read: bool,
    pub streams: BTreeMap<String, Vec<Batch>>,
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
        let basin = Basin { create_stream_on_append: true, create_stream_on_read: true, ..Basin::default() };
        model.shared.lock().basins.insert(name.to_owned(), basin);
        model
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// Blocks until a stream has so many records.
    pub fn wait_for_records(&self, basin: &str, stream: &str, records: u64) {
        let mut state = self.shared.lock();
        while state.basins.get(basin).and_then(|b| b.streams.get(stream)).is_none_or(|s| tail(s).seq_num < records) {
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
    fn stream(&mut self, target: &StreamRef, append: bool) -> Result<&mut Vec<Batch>, ErrorFrame> {
        let (basin, stream) = (target.basin.as_str(), target.stream.as_str());
        let none = |code| ErrorFrame::new(code, format!("no {target:?}"));
        let basin = self.basins.get_mut(basin).ok_or_else(|| none(ErrorCode::BasinNotFound))?;
        let create = if append { basin.create_stream_on_append } else { basin.create_stream_on_read };
        if create {
            return Ok(basin.streams.entry(stream.to_owned()).or_default());
        }
        basin.streams.get_mut(stream).ok_or_else(|| none(ErrorCode::StreamNotFound))
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

type Answer = Result<Response, ErrorFrame>;

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
            Request::SessionAppend(batch) => self.input(&sessions[&id], batch)?,
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
            Request::Hello(_) => Ok(Response::HelloAccepted(hello())),
            Request::Ping(ping) => Ok(Response::Pong { nonce: ping.nonce }),
            Request::Status => Ok(Response::Status(status())),
            Request::CreateBasin(create) => {
                let name = create.basin.to_string();
                if state.basins.contains_key(&name) {
                    return Err(ErrorFrame::new(ErrorCode::AlreadyExists, "the basin exists"));
                }
                let (on_append, on_read) = (create.create_stream_on_append, create.create_stream_on_read);
                let basin =
                    Basin { create_stream_on_append: on_append, create_stream_on_read: on_read, ..Basin::default() };
                state.basins.insert(name.clone(), basin);
                Ok(Response::BasinCreated(basin_info(&name)))
            }
            Request::ListBasins(list) => {
                let (names, has_more) = page(state.basins.keys(), &list.prefix, &list.start_after, list.limit);
                let basins = names.into_iter().map(|name| basin_info(&name)).collect();
                Ok(Response::BasinList(BasinList { basins, has_more }))
            }
            Request::CreateStream(target) => {
                let basin = state.basins.get_mut(target.basin.as_str());
                let basin = basin.ok_or_else(|| ErrorFrame::new(ErrorCode::BasinNotFound, "no basin"))?;
                basin.streams.insert(target.stream.to_string(), Vec::new());
                Ok(Response::StreamCreated(stream_info(target.stream.as_str())))
            }
            Request::ListStreams(list) => {
                let basin = state.basins.get(list.basin.as_str());
                let basin = basin.ok_or_else(|| ErrorFrame::new(ErrorCode::BasinNotFound, "no basin"))?;
                let (names, has_more) = page(basin.streams.keys(), &list.prefix, &list.start_after, list.limit);
                let streams = names.into_iter().map(|name| stream_info(&name)).collect();
                Ok(Response::StreamList(StreamList { streams, has_more }))
            }
            Request::CheckTail(target) => {
                let tail = tail(state.stream(target, false)?);
                Ok(Response::Tail(TailReport { tail, level: Level::Memory, shard: 0 }))
            }
            other => Err(ErrorFrame::new(ErrorCode::Unsupported, format!("{:?}", other.kind()))),
        }
    }

    fn input(&self, target: &StreamRef, batch: &[u8]) -> Option<Answer> {
        let mut state = self.shared.lock();
        if let Some(left) = &mut state.inputs_until_cut {
            *left = left.checked_sub(1)?;
        }
        let stream = match state.stream(target, true) {
            Ok(stream) => stream,
            Err(refusal) => return Some(Err(refusal)),
        };
        check_ingest(batch).unwrap();
        let mut bytes = batch.to_vec();
        let start = tail(stream);
        let by = Stamp {
            stream_id: StreamId([1; 16]),
            first_seq_num: start.seq_num,
            arrival_ms: ARRIVAL_MS,
            expires_at_ms: 0,
        };
        stamp(&mut bytes, &by, |timestamp| timestamp.unwrap_or(ARRIVAL_MS).max(start.timestamp));
        stream.push(Batch::parse(bytes.into()).unwrap());
        let end = tail(stream);
        self.shared.changed.notify_all();
        Some(Ok(Response::AppendAck(AppendAck { start, end, tail: end, level: Level::Memory, shard: 0 })))
    }

    fn opened(&self, target: &StreamRef, append: bool) -> Result<SessionOpened, ErrorFrame> {
        let mut state = self.shared.lock();
        let tail = tail(state.stream(target, append)?);
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
        let history = self.shared.lock().stream(target, false).unwrap().clone();
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
        while tail(state.stream(target, false).unwrap()).seq_num == next {
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
    connection.shared.lock().stream(target, false).unwrap().clone()
}

/// `s2-semantics.md` E3.
fn page<'a>(
    names: impl Iterator<Item = &'a String>,
    prefix: &str,
    start_after: &str,
    limit: u32,
) -> (Vec<String>, bool) {
    let limit = if limit == 0 { 1000 } else { limit as usize };
    let mut names = names.filter(|name| name.starts_with(prefix) && name.as_str() > start_after).cloned();
    let page: Vec<String> = names.by_ref().take(limit).collect();
    (page, names.next().is_some())
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

fn basin_info(name: &str) -> BasinInfo {
    let name = name.parse().unwrap();
    BasinInfo { name, created_at_ms: ARRIVAL_MS, create_stream_on_append: false, create_stream_on_read: false }
}

fn stream_info(name: &str) -> StreamInfo {
    StreamInfo { name: name.parse().unwrap(), id: StreamId([1; 16]), created_at_ms: ARRIVAL_MS }
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
