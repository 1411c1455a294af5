//! What can be wrong with a plan, and with the data that a zone is made of.

use std::fmt;

/// Why a plan cannot be made, or cannot answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A mask has bits where its field has no values.
    Mask {
        /// The name of the field.
        field: String,
        /// The lowest value of the field.
        low: u32,
        /// The highest value of the field.
        high: u32,
        /// The mask.
        mask: u64,
    },
    /// The step of an interval is zero or negative.
    Step(i64),
    /// The steps of a calendar interval are negative or all zero.
    CalendarSteps(i64, i64),
    /// The time of day of a calendar interval is not within a day.
    TimeOfDay(i64),
    /// The first date of a calendar interval is outside of the years 1 to 9999.
    StartDate(i64),
    /// An offset is a day or more.
    Offset(i64),
    /// There is nothing to combine.
    NoChildren(&'static str),
    /// Combinations within combinations, too many.
    Depth(usize),
    /// The threshold of a meeting is negative.
    Threshold(i64),
    /// No iteration is allowed.
    MaxIterations(i64),
    /// A gap policy that is none.
    Gap(i64),
    /// An overlap policy that is none.
    Overlap(i64),
    /// A coalescing policy that is none.
    Policy(i64),
    /// No room for a fire time.
    Limit(i64),
    /// TZif data that is malformed.
    Tzif(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Mask { field, low, high, mask } => {
                write!(f, "{field} must be a mask of {low}-{high}, got: {mask:#x}")
            }
            Error::Step(step) => write!(f, "step must be positive, got: {step}"),
            Error::CalendarSteps(months, days) => write!(
                f,
                "months and days must not be negative, nor both be 0, got: {months}, {days}"
            ),
            Error::TimeOfDay(micros) => {
                write!(f, "time of day must be less than a day, got: {micros} microseconds")
            }
            Error::StartDate(ordinal) => {
                write!(f, "start must be a date of the years 1 to 9999, got the ordinal: {ordinal}")
            }
            Error::Offset(micros) => {
                write!(f, "UTC offset must be less than a day, got: {micros} microseconds")
            }
            Error::NoChildren(name) => write!(f, "{name} must have at least one plan, got: 0"),
            Error::Depth(depth) => {
                write!(f, "plans must be nested at most {MAX_DEPTH} deep, got: {depth}")
            }
            Error::Threshold(micros) => {
                write!(f, "threshold must not be negative, got: {micros}")
            }
            Error::MaxIterations(count) => {
                write!(f, "max_iterations must be positive, got: {count}")
            }
            Error::Gap(policy) => write!(f, "gap must be 0 or 1, got: {policy}"),
            Error::Overlap(policy) => write!(f, "overlap must be in 0-2, got: {policy}"),
            Error::Policy(policy) => write!(f, "policy must be in 0-2, got: {policy}"),
            Error::Limit(limit) => write!(f, "limit must be positive, got: {limit}"),
            Error::Tzif(problem) => write!(f, "TZif data must be well-formed, got: {problem}"),
        }
    }
}

impl std::error::Error for Error {}

/// The children of a meeting did not meet within what one call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IterationLimitReached {
    /// The iterations of one meeting.
    Iterations(usize),
    /// The steps of all that are nested in one another.
    Steps(u64),
}

impl fmt::Display for IterationLimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IterationLimitReached::Iterations(count) => {
                write!(f, "no common fire time within max_iterations, got: {count}")
            }
            IterationLimitReached::Steps(count) => {
                write!(
                    f,
                    "no common fire time within the steps of all nested triggers, got: {count}"
                )
            }
        }
    }
}

impl std::error::Error for IterationLimitReached {}

/// How deep combinations may be nested: each level takes some of the stack.
pub const MAX_DEPTH: usize = 100;
