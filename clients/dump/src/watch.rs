//! Bytes of any number of connections to printed lines: where cutting, explaining, pairing and printing meet.

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::SystemTime;

use riverrun_protocol::frame::{self, Cut};

use crate::capture::{Cutter, Piece};
use crate::conversation::Conversation;
use crate::describe::{Described, Direction, describe};
use crate::summary::Summary;
use crate::view::{self, Options, Sighting};

/// Where bytes were seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// 0 where there is only one.
    pub connection: u64,
    /// `None` lets the kind of each frame tell.
    pub direction: Option<Direction>,
    /// `None` for captured bytes.
    pub when: Option<SystemTime>,
}

/// Decodes and prints whatever it is handed.
pub struct Watch {
    out: Box<dyn Write + Send>,
    options: Options,
    /// Taken into account, but not printed.
    muted: Option<Direction>,
    cutters: HashMap<(u64, Option<Direction>), Cutter>,
    /// Requests without an answer.
    pub conversation: Conversation,
    pub summary: Summary,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Watch {
    pub fn new(out: impl Write + Send + 'static, options: Options) -> Watch {
        Watch {
            out: Box::new(out),
            options,
            muted: None,
            cutters: HashMap::new(),
            conversation: Conversation::default(),
            summary: Summary::default(),
        }
    }

    /// Frames of this direction are paired with the others' and counted, and not printed.
    pub fn muted(self, direction: Direction) -> Watch {
        Watch { muted: Some(direction), ..self }
    }

    /// More bytes of one direction.
    ///
    /// # Errors
    /// The output's, here and below; what is wrong with the bytes is printed instead.
    pub fn on_bytes(&mut self, seen: Seen, bytes: &[u8]) -> io::Result<()> {
        let cutter = self.cutters.entry((seen.connection, seen.direction)).or_default();
        cutter.push(bytes);
        while let Some(piece) = self.cutters.get_mut(&(seen.connection, seen.direction)).and_then(Cutter::poll) {
            self.on_piece(seen, piece)?;
        }
        Ok(())
    }

    /// Bytes of one direction went by unseen.
    pub fn on_missed(&mut self, seen: Seen, bytes: u64) -> io::Result<()> {
        let pieces = self.cutters.entry((seen.connection, seen.direction)).or_default().miss(bytes);
        pieces.into_iter().try_for_each(|piece| self.on_piece(seen, piece))
    }

    /// One direction will bring no more.
    pub fn on_end(&mut self, seen: Seen) -> io::Result<()> {
        let cutter = self.cutters.remove(&(seen.connection, seen.direction));
        let pieces = cutter.map(|mut cutter| cutter.finish()).unwrap_or_default();
        pieces.into_iter().try_for_each(|piece| self.on_piece(seen, piece))
    }

    /// A connection is over: what is left of it is shown, and the rest forgotten.
    pub fn on_closed(&mut self, connection: u64, when: SystemTime) -> io::Result<()> {
        for direction in [Direction::Client, Direction::Server] {
            self.on_end(Seen { connection, direction: Some(direction), when: Some(when) })?;
        }
        self.conversation.on_closed(connection);
        Ok(())
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn on_piece(&mut self, seen: Seen, piece: Piece) -> io::Result<()> {
        // Whoever sends bad bytes by hand, over the only connection, still wants to see what is said to them.
        if seen.connection > 0 && matches!(piece, Piece::Bad { .. } | Piece::Missed { .. }) {
            self.conversation.give_up(seen.connection);
        }
        let described = self.describe(&piece);
        let answered = described.as_ref().and_then(|described| self.pair(seen, described));
        let latency = answered.and_then(|since| seen.when?.duration_since(since).ok());
        let by_kind = || described.as_ref().map_or(Direction::Client, |d| Direction::of_kind(d.header.kind));
        let sighting = Sighting {
            connection: (seen.connection > 0).then_some(seen.connection),
            direction: seen.direction.unwrap_or_else(by_kind),
            when: seen.when,
            piece,
            described,
            latency,
        };
        self.summary.add(&sighting);
        if self.muted == Some(sighting.direction) {
            return Ok(());
        }
        view::print(&mut self.out, &sighting, &self.options)
    }

    fn describe(&self, piece: &Piece) -> Option<Described> {
        let Piece::Frame { bytes, .. } = piece else { return None };
        match frame::cut(bytes) {
            Ok(Cut::Complete { header, .. }) => Some(describe(header, bytes, self.options.detail())),
            _ => None,
        }
    }

    /// When the request was seen that this frame answers.
    fn pair(&mut self, seen: Seen, described: &Described) -> Option<SystemTime> {
        let answered = self.conversation.on_frame(seen.connection, described.kind?, described.header.id, seen.when?)?;
        Some(answered.since)
    }
}
