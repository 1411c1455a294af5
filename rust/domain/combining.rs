//! Unions and meetings of series.

use std::iter::zip;
use std::sync::Arc;

use crate::cron::transition::Memo;
use crate::error::{Error, IterationLimitReached};
use crate::instant::Micros;
use crate::series::{Fire, Series, Simple, State};

/// How far back, in fire times of each child, a meeting looks for a time from which it can start afresh.
const RENEWAL_TRIES: usize = 64;

/// How many meetings `AllOfSeries::skip` walks over before it starts afresh halfway.
const MAX_WALK: usize = 4096;

/// A series within another one.
#[derive(Clone, Debug)]
pub struct Child {
    /// The series.
    pub series: Series,
    /// The number of leaves of those before it.
    pub first_leaf: usize,
}

impl Child {
    fn own<'a>(&self, memos: &'a mut [Memo]) -> &'a mut [Memo] {
        memos.get_mut(self.first_leaf..).unwrap_or_default()
    }
}

/// Return the union of series: equal fire times once, of the first child that gives them.
///
/// # Errors
///
/// There are none.
pub fn any_of(children: Vec<Child>) -> Result<Series, Error> {
    if children.is_empty() {
        return Err(Error::NoChildren("any_of"));
    }
    let simple: Option<Box<[_]>> = children
        .iter()
        .map(|child| match &child.series {
            Series::Simple(series) => Some((Arc::clone(series), child.first_leaf)),
            _ => None,
        })
        .collect();
    Ok(match simple {
        Some(children) => Series::simple(Simple::Union(SimpleUnion { children })),
        None => Series::Union(Arc::new(MixedUnion { children: children.into() })),
    })
}

/// The union of simple series.
#[derive(Debug)]
pub struct SimpleUnion {
    children: Box<[(Arc<Simple>, usize)]>,
}

impl SimpleUnion {
    /// The first fire time later than `after`, and its leaf.
    #[must_use]
    pub fn fire_after(&self, after: Micros, memos: &mut [Memo]) -> Option<(Micros, usize)> {
        let mut earliest: Option<(Micros, usize)> = None;
        for (child, first_leaf) in &self.children {
            if let Some((at, leaf)) =
                child.fire_after(after, memos.get_mut(*first_leaf..).unwrap_or_default())
                && earliest.is_none_or(|(earliest, _)| at < earliest)
            {
                earliest = Some((at, first_leaf + leaf));
            }
        }
        earliest
    }

    /// The last fire time until `at`.
    #[must_use]
    pub fn last_at_or_before(&self, at: Micros) -> Option<Micros> {
        self.children.iter().filter_map(|(child, _)| child.last_at_or_before(at)).max()
    }
}

/// The union of series that are not all simple.
#[derive(Debug)]
pub struct MixedUnion {
    children: Box<[Child]>,
}

impl MixedUnion {
    /// The series that are united.
    #[must_use]
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    pub(crate) fn advance(
        &self,
        state: &State,
        before: Micros,
        memos: &mut [Memo],
    ) -> Result<Option<Fire>, IterationLimitReached> {
        let mut fires = Vec::with_capacity(self.children.len());
        for (position, child) in self.children.iter().enumerate() {
            fires.push(child.series.advance(state.child(position), before, child.own(memos))?);
        }
        let pending = fires
            .iter()
            .enumerate()
            .filter_map(|(position, fire)| Some((fire.as_ref()?, position)));
        // Of equal ones `min_by_key` returns the first.
        let Some((earliest, position)) = pending.min_by_key(|(fire, _)| fire.at) else {
            return Ok(None);
        };
        let (at, leaf) = (earliest.at, self.children[position].first_leaf + earliest.leaf);
        let states = fires.into_iter().enumerate().map(|(position, fire)| match fire {
            Some(fire) if fire.at == at => fire.state,
            _ => state.child(position).clone(),
        });
        Ok(Some(Fire { at, leaf, state: State::Union(at, states.collect()) }))
    }

    pub(crate) fn skip(
        &self,
        state: &State,
        target: Micros,
        memos: &mut [Memo],
    ) -> Result<Option<State>, IterationLimitReached> {
        let Some(states) = skip_all(&self.children, state, target, memos)? else {
            return Ok(None);
        };
        let lasts =
            zip(&self.children, &states).filter_map(|(child, state)| child.series.last_of(state));
        Ok(lasts.max().map(|last| State::Union(last, states)))
    }

    pub(crate) fn last_of(state: &State) -> Option<Micros> {
        match state {
            State::Union(last, _) => Some(*last),
            _ => None,
        }
    }

    pub(crate) fn leaf_of(&self, state: &State, memos: &mut [Memo]) -> usize {
        leaf_of(&self.children, state, MixedUnion::last_of(state), memos)
    }

    pub(crate) fn position(&self, after: Micros) -> State {
        State::Union(after, positions(&self.children, after))
    }
}

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
        memos: &mut [Memo],
    ) -> Result<Option<Fire>, IterationLimitReached> {
        let end = before.saturating_add(self.threshold);
        let mut fires = Vec::with_capacity(self.children.len());
        for (position, child) in self.children.iter().enumerate() {
            match child.series.advance(state.child(position), end, child.own(memos))? {
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
                return Err(IterationLimitReached(iterations));
            }
            iterations += 1;
            for (child, fire) in zip(&self.children, &mut fires) {
                if fire.at < reach {
                    match child.series.leap(&fire.state, reach, end, child.own(memos))? {
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
        memos: &mut [Memo],
    ) -> Result<Option<State>, IterationLimitReached> {
        let mut fresh = self.renew(state, target, memos)?;
        let mut found: Option<State> = None;
        let mut walked: usize = 0;
        loop {
            let position = fresh.as_ref().or(found.as_ref()).unwrap_or(state);
            let Some(fire) = self.advance(position, target, memos)? else {
                return Ok(found);
            };
            (fresh, found) = (None, Some(fire.state));
            walked += 1;
            let half = target.since(fire.at) / 2;
            if walked.is_multiple_of(MAX_WALK) && half > self.threshold.saturating_mul(2) {
                let middle = fire.at.saturating_add(half);
                let start = self.position(middle);
                if self.advance(&start, target, memos)?.is_some() {
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
        memos: &mut [Memo],
    ) -> Result<Option<State>, IterationLimitReached> {
        let Some(candidate) = self.last_candidate(state, target, memos)? else {
            return Ok(None);
        };
        let pause = self.threshold.saturating_mul(2);
        for (position, (child, last)) in zip(&self.children, candidate).enumerate() {
            let mut time = last;
            for _ in 0..RENEWAL_TRIES {
                let previous = last_before(child, state.child(position), time, memos)?;
                if previous.is_none_or(|previous| time.since(previous) > pause) {
                    let reach = time.saturating_add(-self.threshold);
                    return Ok(skip_all(&self.children, state, reach, memos)?.map(State::Children));
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
        memos: &mut [Memo],
    ) -> Result<Option<Vec<Micros>>, IterationLimitReached> {
        let mut limits = vec![target; self.children.len()];
        for _ in 0..self.max_iterations {
            let mut times = Vec::with_capacity(limits.len());
            for (position, (child, limit)) in zip(&self.children, &limits).enumerate() {
                match last_before(child, state.child(position), *limit, memos)? {
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
    memos: &mut [Memo],
) -> Result<Option<Micros>, IterationLimitReached> {
    let skipped = child.series.skip(state, target, child.own(memos))?;
    Ok(skipped.and_then(|state| child.series.last_of(&state)))
}

/// Return the states of children after their last fire times earlier than `target`, or None if none has moved.
fn skip_all(
    children: &[Child],
    state: &State,
    target: Micros,
    memos: &mut [Memo],
) -> Result<Option<Box<[State]>>, IterationLimitReached> {
    let mut states = Vec::with_capacity(children.len());
    let mut moved = false;
    for (position, child) in children.iter().enumerate() {
        let old = state.child(position);
        let new = child.series.skip(old, target, child.own(memos))?;
        moved |= new.is_some();
        states.push(new.unwrap_or_else(|| old.clone()));
    }
    Ok(moved.then(|| states.into()))
}

/// Return the leaf of the first child whose last fire time is that of all.
fn leaf_of(children: &[Child], state: &State, last: Option<Micros>, memos: &mut [Memo]) -> usize {
    let mut leaves = children.iter().enumerate().filter_map(|(position, child)| {
        let state = state.child(position);
        (child.series.last_of(state) == last)
            .then(|| child.first_leaf + child.series.leaf_of(state, child.own(memos)))
    });
    leaves.next().unwrap_or(0)
}

fn positions(children: &[Child], after: Micros) -> Box<[State]> {
    children.iter().map(|child| child.series.position(after)).collect()
}
