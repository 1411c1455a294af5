//! Meetings of series.

use std::iter::zip;

use crate::combining::{Child, leaf_of, positions, skip_all};
use crate::cron::transition::Memo;
use crate::error::{Error, IterationLimitReached};
use crate::instant::Micros;
use crate::series::{Fire, Series, State};
use crate::steps::{Search, Steps};

/// How far back, in fire times of each child, a meeting looks for a time from which it can start afresh.
const RENEWAL_TRIES: usize = 64;

/// The same for a child that has to look back itself.
const NESTED_RENEWAL_TRIES: usize = 4;

/// How many meetings `AllOfSeries::skip` walks over before it starts afresh halfway.
const MAX_WALK: usize = 4096;

/// The meetings of its children: fire times, one of each child, at most a threshold apart.
///
/// A child that is earlier than the latest of the pending fire times by more than the threshold can only meet it later,
/// so it moves on: step by step as the user guide describes it, or at once as here, the next meeting is the same.
#[derive(Debug)]
pub struct AllOfSeries {
    children: Box<[Child]>,
    threshold: i64,
    max_iterations: usize,
}

impl AllOfSeries {
    /// The meetings of series within a threshold in microseconds.
    ///
    /// # Errors
    ///
    /// There are no series, the threshold is negative, or no iteration is allowed.
    pub fn new(
        children: Vec<Child>,
        threshold: i64,
        max_iterations: i64,
    ) -> Result<AllOfSeries, Error> {
        if children.is_empty() {
            return Err(Error::NoChildren("all_of"));
        }
        if threshold < 0 {
            return Err(Error::Threshold(threshold));
        }
        let Some(iterations) = usize::try_from(max_iterations).ok().filter(|count| *count > 0)
        else {
            return Err(Error::MaxIterations(max_iterations));
        };
        Ok(AllOfSeries { children: children.into(), threshold, max_iterations: iterations })
    }

    /// The series that are to meet.
    #[must_use]
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    pub(crate) fn max_iterations(&self) -> u64 {
        // No meeting needs more, and one more is still a number.
        u64::try_from(self.max_iterations).unwrap_or(u64::MAX).min(u64::MAX - 1)
    }

    pub(crate) fn advance(
        &self,
        state: &State,
        before: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<Fire>, IterationLimitReached> {
        let mut own = Steps::new(self.max_iterations);
        let search = &mut search.limited(&mut own);
        search.step()?;
        let end = before.saturating_add(self.threshold);
        let mut fires = Vec::with_capacity(self.children.len());
        for (position, child) in self.children.iter().enumerate() {
            match child.series.advance(state.child(position), end, &mut child.within(search))? {
                Some(fire) => fires.push(fire),
                None => return Ok(None),
            }
        }
        let mut iterations = 0;
        loop {
            let times = || fires.iter().map(|fire| fire.at);
            let (Some(earliest), Some(latest)) = (times().min(), times().max()) else {
                return Ok(None);
            };
            let reach = latest.saturating_add(-self.threshold);
            if earliest >= before || reach >= before {
                return Ok(None);
            }
            if earliest >= reach {
                return Ok(Some(self.meet(earliest, fires)));
            }
            if iterations == self.max_iterations {
                return Err(IterationLimitReached::Iterations(iterations));
            }
            iterations += 1;
            search.step()?;
            for (child, fire) in zip(&self.children, &mut fires) {
                if fire.at < reach {
                    match child.series.leap(&fire.state, reach, end, &mut child.within(search))? {
                        Some(next) => *fire = next,
                        None => return Ok(None),
                    }
                }
            }
        }
    }

    fn meet(&self, at: Micros, fires: Vec<Fire>) -> Fire {
        let mut leaves = zip(&self.children, &fires).filter(|(_, fire)| fire.at == at);
        let leaf = leaves.next().map_or(0, |(child, fire)| child.first_leaf + fire.leaf);
        Fire {
            at,
            leaf,
            state: State::Children(fires.into_iter().map(|fire| fire.state).collect()),
        }
    }

    /// Return the state after the last meeting earlier than `target`, or None if none of those follows the state.
    ///
    /// Where the way leads over very many meetings, they are counted afresh from half of what is left, so that no
    /// distance takes long. What follows is a meeting then, too, but perhaps of other fire times than step by step.
    pub(crate) fn skip(
        &self,
        state: &State,
        mut target: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<State>, IterationLimitReached> {
        let mut own = Steps::new(self.max_iterations);
        let search = &mut search.limited(&mut own);
        let mut fresh = self.renew(state, target, search)?;
        let mut found: Option<State> = None;
        let mut walked: usize = 0;
        loop {
            let position = fresh.as_ref().or(found.as_ref()).unwrap_or(state);
            let Some(fire) = self.advance(position, target, search)? else {
                return Ok(found);
            };
            (fresh, found) = (None, Some(fire.state));
            walked += 1;
            let half = target.since(fire.at) / 2;
            if walked.is_multiple_of(MAX_WALK) && half > self.threshold.saturating_mul(2) {
                let middle = fire.at.saturating_add(half);
                let start = self.position(middle);
                if self.advance(&start, target, search)?.is_some() {
                    fresh = Some(start);
                } else {
                    let nothing_after = middle.saturating_add(self.threshold).saturating_add(1);
                    target = target.min(nothing_after);
                }
            }
        }
    }

    pub(crate) fn last_of(&self, state: &State) -> Option<Micros> {
        let lasts = self.children.iter().enumerate();
        lasts.filter_map(|(position, child)| child.series.last_of(state.child(position))).min()
    }

    pub(crate) fn leaf_of(&self, state: &State, memos: &mut [Memo]) -> usize {
        leaf_of(&self.children, state, self.last_of(state), memos)
    }

    pub(crate) fn position(&self, after: Micros) -> State {
        State::Children(positions(&self.children, after))
    }

    /// Return a position from which the last meeting earlier than `target` is few steps ahead, or None for `state`.
    ///
    /// Where a child pauses for more than twice the threshold, no meeting has to do with fire times on both sides of
    /// the pause. So it does not matter how the series got there: each child is at its first fire time near enough to
    /// the one that ends the pause. Where no such pause is near, the way leads over every meeting since `state`.
    fn renew(
        &self,
        state: &State,
        target: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<State>, IterationLimitReached> {
        let Some(candidate) = self.last_candidate(state, target, search)? else {
            return Ok(None);
        };
        let pause = self.threshold.saturating_mul(2);
        for (position, (child, last)) in zip(&self.children, candidate).enumerate() {
            let mut time = last;
            let tries = match child.series {
                Series::Simple(_) => RENEWAL_TRIES,
                _ => NESTED_RENEWAL_TRIES,
            };
            for _ in 0..tries {
                search.step()?;
                let previous = last_before(child, state.child(position), time, search)?;
                if previous.is_none_or(|previous| time.since(previous) > pause) {
                    let reach = time.saturating_add(-self.threshold);
                    return Ok(skip_all(&self.children, state, reach, search)?.map(State::Children));
                }
                time = previous.unwrap_or(time);
            }
        }
        Ok(None)
    }

    /// Return the latest fire times, one of each child, that are earlier than `target` and near enough to meet.
    ///
    /// Whether they do depends on whom they have met before. None if there are none.
    fn last_candidate(
        &self,
        state: &State,
        target: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<Vec<Micros>>, IterationLimitReached> {
        let mut limits = vec![target; self.children.len()];
        for _ in 0..self.max_iterations {
            search.step()?;
            let mut times = Vec::with_capacity(limits.len());
            for (position, (child, limit)) in zip(&self.children, &limits).enumerate() {
                match last_before(child, state.child(position), *limit, search)? {
                    Some(last) => times.push(last),
                    None => return Ok(None),
                }
            }
            let (Some(earliest), Some(latest)) = (times.iter().min(), times.iter().max()) else {
                return Ok(None);
            };
            let reach = earliest.saturating_add(self.threshold);
            if *latest <= reach {
                return Ok(Some(times));
            }
            for limit in &mut limits {
                *limit = (*limit).min(reach.saturating_add(1));
            }
        }
        Ok(None)
    }
}

/// Return the last fire time of a child that follows a state and is earlier than `target`.
fn last_before(
    child: &Child,
    state: &State,
    target: Micros,
    search: &mut Search<'_>,
) -> Result<Option<Micros>, IterationLimitReached> {
    let skipped = child.series.skip(state, target, &mut child.within(search))?;
    Ok(skipped.and_then(|state| child.series.last_of(&state)))
}
