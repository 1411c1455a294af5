//! How long one search may take, and what it knows.

use crate::cron::transition::Memo;
use crate::error::IterationLimitReached;

/// How many steps the meetings that are nested in one another may take together, beside those of the outermost.
pub const MAX_STEPS: u64 = 1_000_000;

/// The steps that are left to one search.
///
/// Each meeting bounds its own iterations, but those that are nested in it multiply them: all draw on the steps of the
/// outermost, which makes them.
#[derive(Debug)]
pub(crate) struct Steps {
    left: u64,
    limit: u64,
}

impl Steps {
    pub(crate) fn new(max_iterations: usize) -> Steps {
        let iterations = u64::try_from(max_iterations).unwrap_or(u64::MAX);
        let limit = iterations.saturating_add(MAX_STEPS);
        Steps { left: limit, limit }
    }
}

/// What a search needs beside the series: where the leaves were last, and the steps that it may take, if it has begun.
#[derive(Debug)]
pub struct Search<'a> {
    pub(crate) memos: &'a mut [Memo],
    steps: Option<&'a mut Steps>,
}

impl<'a> Search<'a> {
    /// A search that begins.
    pub fn new(memos: &'a mut [Memo]) -> Search<'a> {
        Search { memos, steps: None }
    }

    /// The part of it that a series does whose leaves begin at one of them.
    pub(crate) fn at_leaf(&mut self, first_leaf: usize) -> Search<'_> {
        Search {
            memos: self.memos.get_mut(first_leaf..).unwrap_or_default(),
            steps: self.steps.as_deref_mut(),
        }
    }

    /// The search within the steps of the outermost meeting, which are `own` if that is the one that asks.
    pub(crate) fn limited<'b>(&'b mut self, own: &'b mut Steps) -> Search<'b> {
        let steps = self.steps.as_deref_mut().unwrap_or(own);
        Search { memos: self.memos, steps: Some(steps) }
    }

    /// Take one step.
    ///
    /// # Errors
    ///
    /// None is left.
    pub(crate) fn step(&mut self) -> Result<(), IterationLimitReached> {
        let Some(steps) = &mut self.steps else { return Ok(()) };
        steps.left = steps.left.checked_sub(1).ok_or(IterationLimitReached::Steps(steps.limit))?;
        Ok(())
    }
}
