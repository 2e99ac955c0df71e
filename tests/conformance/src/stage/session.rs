//! Append sessions and read sessions.

use riverrun_protocol::batch::Record;
use riverrun_protocol::error::ErrorFrame;
use riverrun_protocol::limits::CREDIT_BYTES_MAX;
use riverrun_protocol::request::{
    AppendConditions, GrantCredit, OpenReadSession, ReadParams, Request, SessionAppend, StreamRef,
};
use riverrun_protocol::response::{AppendAck, Push, Response, SessionOpened};
use riverrun_protocol::types::Position;

use super::{Got, Stage, done, only};
use crate::door::Said;
use crate::forge;

impl Stage<'_> {
    pub fn try_open_append(&mut self, target: &StreamRef) -> (u64, Result<SessionOpened, ErrorFrame>) {
        let id = self.send(&Request::OpenAppendSession(target.clone()));
        (id, only!(self.answer(id), Response::AppendSessionOpened))
    }

    pub fn open_append(&mut self, target: &StreamRef) -> u64 {
        let (id, opened) = self.try_open_append(target);
        done(opened);
        id
    }

    pub fn input(&mut self, session: u64, records: &[Record]) {
        self.input_if(session, AppendConditions::default(), records);
    }

    pub fn input_if(&mut self, session: u64, conditions: AppendConditions, records: &[Record]) {
        let batch = forge::encode(records);
        self.send_as(session, &Request::SessionAppend(SessionAppend { conditions, batch: &batch }));
    }

    pub fn next_ack(&mut self, session: u64) -> AppendAck {
        done(only!(self.answer(session), Response::AppendAck))
    }

    /// The error that ends the session.
    pub fn next_error(&mut self, session: u64) -> ErrorFrame {
        match self.next(session) {
            Said::Error(error) => error,
            other => panic!("an error was expected, not {other:?}"),
        }
    }

    pub fn close_append(&mut self, session: u64) {
        self.send_as(session, &Request::CloseAppendSession);
    }

    pub fn next_end(&mut self, session: u64) {
        match self.next(session) {
            Said::Response(Response::SessionEnded) => {}
            other => panic!("a clean end was expected, not {other:?}"),
        }
    }

    pub fn try_open_read(
        &mut self,
        target: &StreamRef,
        params: ReadParams,
    ) -> (u64, Result<SessionOpened, ErrorFrame>) {
        let id = self.send_open_read(target, params, CREDIT_BYTES_MAX);
        (id, only!(self.answer(id), Response::ReadSessionOpened))
    }

    fn send_open_read(&mut self, target: &StreamRef, params: ReadParams, credit_bytes: u64) -> u64 {
        let open = OpenReadSession { target: target.clone(), params, credit_bytes, takes_pages: false };
        self.send(&Request::OpenReadSession(open))
    }

    /// A reader that takes one push, and then nothing until it grants more.
    pub fn open_slow_read(&mut self, target: &StreamRef, params: ReadParams) -> u64 {
        let id = self.send_open_read(target, params, 1);
        done(only!(self.answer(id), Response::ReadSessionOpened));
        id
    }

    pub fn grant(&mut self, session: u64, bytes: u64) {
        self.send_as(session, &Request::GrantCredit(GrantCredit { bytes }));
    }

    pub fn open_read(&mut self, target: &StreamRef, params: ReadParams) -> u64 {
        let (id, opened) = self.try_open_read(target, params);
        done(opened);
        id
    }

    pub fn next_records(&mut self, session: u64) -> Got {
        match self.next(session) {
            Said::Push(Push::Records(batches)) => {
                let got = Got::of(&batches);
                assert!(!got.records.is_empty(), "C6: never an empty data batch");
                got
            }
            other => panic!("records were expected, not {other:?}"),
        }
    }

    pub fn next_heartbeat(&mut self, session: u64) -> Position {
        match self.next(session) {
            Said::Push(Push::Heartbeat { tail }) => tail,
            other => panic!("a heartbeat was expected, not {other:?}"),
        }
    }

    /// The numbers of all records up to the session's clean end; no heartbeat between.
    pub fn read_to_end(&mut self, session: u64) -> Vec<u64> {
        let mut seq_nums = Vec::new();
        loop {
            match self.next(session) {
                Said::Push(Push::Records(batches)) => seq_nums.extend(Got::of(&batches).seq_nums()),
                Said::Response(Response::SessionEnded) => return seq_nums,
                other => panic!("records or a clean end were expected, not {other:?}"),
            }
        }
    }

    /// As many records as these, in order, however they are cut into batches.
    pub fn next_seq_nums(&mut self, session: u64, expected: &[u64]) {
        let mut seq_nums = Vec::new();
        while seq_nums.len() < expected.len() {
            seq_nums.extend(self.next_records(session).seq_nums());
        }
        assert_eq!(seq_nums, expected);
    }

    pub fn close_read(&mut self, session: u64) {
        self.send_as(session, &Request::CloseReadSession);
    }

    /// Nothing more has come under this id, now that the answer to something sent behind it is here.
    pub fn assert_silent(&mut self, session: u64, target: &StreamRef) {
        self.tail(target);
        let heard = self.heard(session);
        assert_eq!(heard, None, "nothing was expected");
    }
}
