//! Cron: fields as bit masks, the search on the wall clock, and the rules at transitions.

pub mod field;
pub mod search;
pub mod transition;
