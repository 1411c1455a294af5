//! A series of fire times: what every kind of plan is made of.

use std::sync::Arc;

use crate::calendarinterval::CalendarIntervalSeries;
use crate::combining::{MixedUnion, SimpleUnion};
use crate::cron::transition::{CronSeries, Memo};
use crate::error::IterationLimitReached;
use crate::instant::Micros;
use crate::interval::{DateSeries, IntervalSeries};
use crate::meeting::AllOfSeries;
use crate::steps::Search;

/// A position in a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Before the first fire time.
    Start,
    /// After a fire time: all that a simple series needs to know.
    At(Micros),
    /// Of a meeting: the states of its children after the last meeting.
    Children(Box<[State]>),
    /// Of a union that is not simple: the last fire time, and the states of its children before the fire times that
    /// they have pending.
    Union(Micros, Box<[State]>),
}

/// A fire time, the leaf of the series that gives it, and the state after it.
///
/// Leaves are the single-zone series that a series consists of, counted in order: they tell which zone to stamp with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fire {
    /// When.
    pub at: Micros,
    /// Whose.
    pub leaf: usize,
    /// What follows.
    pub state: State,
}

/// Strictly ascending instants.
#[derive(Clone, Debug)]
pub enum Series {
    /// What follows a fire time depends on nothing else.
    Simple(Arc<Simple>),
    /// The union of series that are not all simple.
    Union(Arc<MixedUnion>),
    /// The meetings of series.
    AllOf(Arc<AllOfSeries>),
}

/// A series whose state is the last fire time.
#[derive(Debug)]
pub enum Simple {
    /// One instant.
    Date(DateSeries),
    /// Real time.
    Interval(IntervalSeries),
    /// The wall clock.
    Cron(Box<CronSeries>),
    /// The calendar.
    CalendarInterval(CalendarIntervalSeries),
    /// Several of them.
    Union(SimpleUnion),
}

impl State {
    /// The state of a child by its position: that before its first fire time, if that is where the whole series is.
    pub(crate) fn child(&self, position: usize) -> &State {
        match self {
            State::Children(states) | State::Union(_, states) => {
                states.get(position).unwrap_or(&State::Start)
            }
            State::Start | State::At(_) => &State::Start,
        }
    }
}

impl Simple {
    /// The first fire time later than `after`, and its leaf.
    #[inline]
    #[must_use]
    pub fn fire_after(&self, after: Micros, memos: &mut [Memo]) -> Option<(Micros, usize)> {
        let at = match self {
            Simple::Date(series) => series.first_after(after),
            Simple::Interval(series) => series.first_after(after),
            Simple::Cron(series) => series.first_after(after, memos.first_mut()?),
            Simple::CalendarInterval(series) => series.first_after(after),
            Simple::Union(union) => return union.fire_after(after, memos),
        };
        Some((at?, 0))
    }

    /// The fire time that follows a state, and its leaf.
    #[inline]
    #[must_use]
    pub fn next(&self, state: &State, memos: &mut [Memo]) -> Option<(Micros, usize)> {
        self.fire_after(Simple::last_of(state).unwrap_or(Micros::BEFORE_ALL), memos)
    }

    /// The last fire time until `at`.
    #[must_use]
    pub fn last_at_or_before(&self, at: Micros) -> Option<Micros> {
        match self {
            Simple::Date(series) => series.last_at_or_before(at),
            Simple::Interval(series) => series.last_at_or_before(at),
            Simple::Cron(series) => series.last_at_or_before(at),
            Simple::CalendarInterval(series) => series.last_at_or_before(at),
            Simple::Union(union) => union.last_at_or_before(at),
        }
    }

    #[inline]
    fn visit(
        &self,
        after: Micros,
        before: Micros,
        limit: usize,
        memos: &mut [Memo],
        mut visit: impl FnMut(Micros, usize),
    ) -> Option<Micros> {
        if let (Simple::Cron(series), Some(memo)) = (self, memos.first_mut()) {
            return series.visit(after, before, limit, memo, |at| visit(at, 0));
        }
        let mut last = None;
        for _ in 0..limit {
            match self.fire_after(last.unwrap_or(after), memos) {
                Some((at, leaf)) if at < before => visit(*last.insert(at), leaf),
                _ => break,
            }
        }
        last
    }

    fn last_of(state: &State) -> Option<Micros> {
        match state {
            State::At(at) => Some(*at),
            _ => None,
        }
    }

    #[inline]
    fn advance(&self, after: Micros, before: Micros, memos: &mut [Memo]) -> Option<Fire> {
        let (at, leaf) = self.fire_after(after, memos)?;
        (at < before).then_some(Fire { at, leaf, state: State::At(at) })
    }

    fn skip(&self, state: &State, target: Micros) -> Option<State> {
        let last = self.last_at_or_before(target.saturating_add(-1))?;
        Simple::last_of(state).is_none_or(|state| last > state).then_some(State::At(last))
    }
}

impl Series {
    /// A series whose state is the last fire time.
    #[must_use]
    pub fn simple(series: Simple) -> Series {
        Series::Simple(Arc::new(series))
    }

    /// The fire time that follows a state, if it is earlier than `before`.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    #[inline]
    pub fn advance(
        &self,
        state: &State,
        before: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<Fire>, IterationLimitReached> {
        match self {
            Series::Simple(series) => Ok(series.advance(
                Simple::last_of(state).unwrap_or(Micros::BEFORE_ALL),
                before,
                search.memos,
            )),
            Series::Union(union) => union.advance(state, before, search),
            Series::AllOf(meeting) => meeting.advance(state, before, search),
        }
    }

    /// Visit the first `limit` fire times that follow a state and are earlier than `before`, each with its leaf. Return
    /// the state after the last of them, or None if there is none.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    #[inline]
    pub fn visit(
        &self,
        state: &State,
        before: Micros,
        limit: usize,
        search: &mut Search<'_>,
        mut visit: impl FnMut(Micros, usize),
    ) -> Result<Option<State>, IterationLimitReached> {
        if let Series::Simple(series) = self {
            let after = Simple::last_of(state).unwrap_or(Micros::BEFORE_ALL);
            return Ok(series.visit(after, before, limit, search.memos, visit).map(State::At));
        }
        let mut last = None;
        for _ in 0..limit {
            let Some(fire) = self.advance(last.as_ref().unwrap_or(state), before, search)? else {
                break;
            };
            visit(fire.at, fire.leaf);
            last = Some(fire.state);
        }
        Ok(last)
    }

    /// The first fire time that follows a state and is `target` or later, if it is earlier than `before`.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    pub fn leap(
        &self,
        state: &State,
        target: Micros,
        before: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<Fire>, IterationLimitReached> {
        if let Series::Simple(series) = self {
            let after = target.saturating_add(-1);
            return Ok(series.advance(
                Simple::last_of(state).map_or(after, |last| last.max(after)),
                before,
                search.memos,
            ));
        }
        match self.skip(state, target, search)? {
            Some(state) => self.advance(&state, before, search),
            None => self.advance(state, before, search),
        }
    }

    /// The state after the last fire time that is earlier than `target`, or None if none of those follows the state.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    pub fn skip(
        &self,
        state: &State,
        target: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<State>, IterationLimitReached> {
        match self {
            Series::Simple(series) => Ok(series.skip(state, target)),
            Series::Union(union) => union.skip(state, target, search),
            Series::AllOf(meeting) => meeting.skip(state, target, search),
        }
    }

    /// The fire time that left the series in a state.
    #[must_use]
    pub fn last_of(&self, state: &State) -> Option<Micros> {
        match self {
            Series::Simple(_) => Simple::last_of(state),
            Series::Union(_) => MixedUnion::last_of(state),
            Series::AllOf(meeting) => meeting.last_of(state),
        }
    }

    /// The leaf of the fire time that left the series in a state.
    #[must_use]
    pub fn leaf_of(&self, state: &State, memos: &mut [Memo]) -> usize {
        match self {
            Series::Simple(series) => {
                let before = Simple::last_of(state).map(|last| last.saturating_add(-1));
                before
                    .and_then(|before| series.fire_after(before, memos))
                    .map_or(0, |(_, leaf)| leaf)
            }
            Series::Union(union) => union.leaf_of(state, memos),
            Series::AllOf(meeting) => meeting.leaf_of(state, memos),
        }
    }

    /// The state of a series that starts later than `after`.
    #[must_use]
    pub fn position(&self, after: Micros) -> State {
        match self {
            Series::Simple(_) => State::At(after),
            Series::Union(union) => union.position(after),
            Series::AllOf(meeting) => meeting.position(after),
        }
    }

    /// The first fire time of a series that starts later than `after`.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    pub fn first_after(
        &self,
        after: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<Micros>, IterationLimitReached> {
        if let Series::Simple(series) = self {
            return Ok(series.fire_after(after, search.memos).map(|(at, _)| at));
        }
        let fire = self.advance(&self.position(after), Micros::AFTER_ALL, search)?;
        Ok(fire.map(|fire| fire.at))
    }

    /// The last fire time until `at`.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    pub fn last_at_or_before(
        &self,
        at: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<Micros>, IterationLimitReached> {
        if let Series::Simple(series) = self {
            return Ok(series.last_at_or_before(at));
        }
        let state = self.skip(&State::Start, at.saturating_add(1), search)?;
        Ok(state.and_then(|state| self.last_of(&state)))
    }
}
