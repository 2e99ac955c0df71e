//! The table, one file per section of the specification.

use crate::row::Row;

mod access_tokens;
mod acks;
mod append_conditions;
mod append_session;
mod auto_create;
mod bounds;
mod check_tail;
mod commands;
mod create;
mod deletion;
mod ensure;
mod heartbeats;
mod inheritance;
mod listing;
mod names;
mod patch;
mod permissions;
mod read_start;
mod records;
mod retention;
mod timestamps;
mod waiting;

/// Every row, in the order of the specification.
pub fn all() -> impl Iterator<Item = &'static Row> {
    SECTIONS.iter().copied().flatten()
}

const SECTIONS: &[&[Row]] = &[
    names::ROWS,
    records::ROWS,
    append_conditions::ROWS,
    commands::ROWS,
    timestamps::ROWS,
    acks::ROWS,
    append_session::ROWS,
    read_start::ROWS,
    read_start::TRUTH,
    bounds::ROWS,
    waiting::ROWS,
    heartbeats::ROWS,
    check_tail::ROWS,
    inheritance::ROWS,
    create::ROWS,
    ensure::ROWS,
    listing::ROWS,
    patch::ROWS,
    deletion::ROWS,
    auto_create::ROWS,
    retention::ROWS,
    permissions::WORDS,
    permissions::ROWS,
    access_tokens::ROWS,
];
