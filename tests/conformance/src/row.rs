//! A row of the table.

use crate::stage::Stage;

/// One behaviour that a rule demands.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As in `s2-semantics.md`: `B3`.
    pub rule: &'static str,
    pub name: &'static str,
    pub needs: Needs,
    /// Panics where the door behaves otherwise.
    pub act: fn(&mut Stage<'_>),
}

impl Row {
    pub const fn new(rule: &'static str, name: &'static str, act: fn(&mut Stage<'_>)) -> Self {
        Self { rule, name, needs: Needs::NOTHING, act }
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
}

/// What a row asks of a door, and what a door has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needs {
    pub clock: bool,
    pub restart: bool,
    pub tokens: bool,
    pub frames: bool,
}

impl Needs {
    pub const NOTHING: Self = Self { clock: false, restart: false, tokens: false, frames: false };

    pub fn are_met_by(self, has: Self) -> bool {
        let pairs = [
            (self.clock, has.clock),
            (self.restart, has.restart),
            (self.tokens, has.tokens),
            (self.frames, has.frames),
        ];
        pairs.into_iter().all(|(needed, there)| there || !needed)
    }
}
