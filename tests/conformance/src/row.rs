//! A row of the table.

use crate::stage::Stage;

/// One behaviour that a rule demands.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As in `s2-semantics.md`: `B3`.
    pub rule: &'static str,
    pub name: &'static str,
    pub needs: Needs,
    /// What the binary protocol alone can say, where the row needs it.
    pub binary: &'static str,
    /// Panics where the door behaves otherwise.
    pub act: fn(&mut Stage<'_>),
}

impl Row {
    pub const fn new(rule: &'static str, name: &'static str, act: fn(&mut Stage<'_>)) -> Self {
        Self { rule, name, needs: Needs::NOTHING, binary: "", act }
    }

    /// Time must pass that nobody wants to wait for; and what a server does behind its answers must stand still meanwhile.
    #[must_use]
    pub const fn needs_clock(mut self) -> Self {
        self.needs.clock = true;
        self
    }

    #[must_use]
    pub const fn needs_restart(mut self) -> Self {
        self.needs.restart = true;
        self
    }

    /// Somebody must hold a root token, and others none.
    #[must_use]
    pub const fn needs_tokens(mut self) -> Self {
        self.needs.tokens = true;
        self
    }

    /// What is sent is nothing that a sound client could say.
    #[must_use]
    pub const fn needs_frames(mut self) -> Self {
        self.needs.frames = true;
        self
    }

    /// It is about something that only the binary protocol says: what that is.
    #[must_use]
    pub const fn needs_binary(mut self, what: &'static str) -> Self {
        self.needs.binary = true;
        self.binary = what;
        self
    }

    /// What a door lacks for this row, if anything.
    pub fn lacks(&self, has: Needs) -> Option<&'static str> {
        let needs = [
            (self.needs.clock, has.clock, "time that can be moved"),
            (self.needs.restart, has.restart, "a server that can be killed"),
            (self.needs.tokens, has.tokens, "access tokens that are asked for"),
            (self.needs.frames, has.frames, "bytes that no request holds"),
            (self.needs.binary, has.binary, self.binary),
        ];
        needs.into_iter().find_map(|(needed, there, what)| (needed && !there).then_some(what))
    }
}

/// What a row asks of a door, and what a door has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needs {
    pub clock: bool,
    pub restart: bool,
    pub tokens: bool,
    pub frames: bool,
    pub binary: bool,
}

impl Needs {
    pub const NOTHING: Self = Self { clock: false, restart: false, tokens: false, frames: false, binary: false };
}
