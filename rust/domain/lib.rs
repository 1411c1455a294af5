//! The arithmetic of triggers: instants, wall clocks, zones, and series of fire times.
//!
//! Integers in, integers out: no clock is read, nothing blocks, every search is bounded, and no input panics. Each file
//! has a twin of the same name in the Python reference, which it must equal.

#![deny(unsafe_code)]

pub mod calendarinterval;
pub mod civil;
pub mod coalesce;
pub mod combining;
pub mod cron;
pub mod error;
pub mod instant;
pub mod interval;
pub mod meeting;
pub mod plan;
pub mod series;
pub mod steps;
mod tzif;
pub mod zone;
