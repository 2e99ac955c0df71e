mod keys;
mod listing;
mod placement;
mod values;
