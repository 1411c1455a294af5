//! The binding: what Python sees of the arithmetic. Nothing here computes fire times, and nothing panics.

pub(crate) mod cursor;
pub(crate) mod datetime;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod integer;
pub(crate) mod micros;
pub(crate) mod plan;
pub(crate) mod sink;
pub(crate) mod state;
pub(crate) mod zone;
