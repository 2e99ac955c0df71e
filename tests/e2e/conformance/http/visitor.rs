//! Who asks: a token, its calls and its sessions. Each has a socket of its own, as clients of HTTP/1.1 have it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::TcpStream;

use riverrun_conformance::Said;
use riverrun_protocol::ErrorFrame;
use riverrun_protocol::request::Request;

use super::calls::{self, Call, Reader};
use super::session::Session;
use super::{Tongue, errors};
use crate::http::client::{Answer, Http, has_come};

/// Calls in progress at a time; a further one waits for the oldest.
const CALLS_MAX: usize = 64;

#[derive(Debug)]
pub struct Visitor {
    http: Http,
    tongue: Tongue,
    talks: BTreeMap<u64, Talk>,
}

/// What goes on under one id.
#[derive(Debug)]
enum Talk {
    Asked(TcpStream, Reader),
    Answered(Option<Said>),
    Session(Box<Session>),
}

impl Visitor {
    /// No token: no header.
    pub fn new(http: Http, tongue: Tongue, token: &[u8]) -> Self {
        let http = if token.is_empty() { http } else { http.with("authorization", [b"Bearer ", token].concat()) };
        Self { http, tongue, talks: BTreeMap::new() }
    }

    /// Whether this token gets in. What it may do there is another question.
    pub fn knock(&self) -> Result<(), ErrorFrame> {
        let answer = self.http.get("/v1/basins?limit=1");
        match answer.status {
            200 | 403 => Ok(()),
            _ => Err(errors::of_answer(&answer)),
        }
    }

    pub fn send(&mut self, id: u64, request: &Request<'_>) {
        match request {
            Request::OpenAppendSession(target) => self.open(id, Session::append(&self.http, target)),
            Request::OpenReadSession(open) => self.open(id, Session::read(&self.http, self.tongue, open)),
            Request::SessionAppend(append) => self.session(id).input(append),
            Request::CloseAppendSession => self.session(id).end_inputs(),
            // Nothing is said of it any more.
            Request::CloseReadSession => drop(self.talks.remove(&id)),
            _ => self.ask(id, &calls::of(request, self.tongue)),
        }
    }

    fn open(&mut self, id: u64, session: Session) {
        self.talks.insert(id, Talk::Session(Box::new(session)));
    }

    fn session(&mut self, id: u64) -> &mut Session {
        match self.talks.get_mut(&id) {
            Some(Talk::Session(session)) => session,
            other => panic!("a session was opened under {id}, not {other:?}"),
        }
    }

    fn ask(&mut self, id: u64, call: &Call) {
        let asked = self.talks.iter().filter(|(_, talk)| matches!(talk, Talk::Asked(..)));
        let (count, oldest) = asked.fold((0, None), |(count, oldest), (id, _)| (count + 1, oldest.or(Some(*id))));
        if let Some(oldest) = oldest.filter(|_| count >= CALLS_MAX) {
            let said = self.next(oldest);
            self.talks.insert(oldest, Talk::Answered(said));
        }
        self.talks.insert(id, Talk::Asked(call.send(&self.http), call.reader));
    }

    pub fn next(&mut self, id: u64) -> Option<Said> {
        if let Talk::Session(session) = self.talks.get_mut(&id)? {
            return session.next();
        }
        match self.talks.remove(&id)? {
            Talk::Asked(socket, reader) => said(Answer::receive(socket), reader),
            Talk::Answered(said) => said,
            Talk::Session(_) => unreachable!("it was looked at"),
        }
    }

    /// As [`Self::next`], if it has begun to arrive.
    pub fn heard(&mut self, id: u64) -> Option<Said> {
        match self.talks.get_mut(&id)? {
            Talk::Session(session) => session.heard(),
            Talk::Asked(socket, _) if !has_come(socket) => None,
            Talk::Asked(..) | Talk::Answered(_) => self.next(id),
        }
    }
}

fn said(answer: io::Result<Answer>, reader: Reader) -> Option<Said> {
    match answer {
        Ok(answer) if answer.status < 300 => Some(Said::Response(reader(&answer))),
        Ok(answer) => Some(Said::Error(errors::of_answer(&answer))),
        Err(error) => ended(&error),
    }
}

/// A connection that ended in the middle of it; `None` if it goes on and nothing comes.
pub fn ended(error: &io::Error) -> Option<Said> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => None,
        _ => Some(Said::Closed),
    }
}
