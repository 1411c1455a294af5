//! Plans, which answer questions about fire times and keep no position.

use std::sync::Arc;

use crate::calendarinterval::CalendarIntervalSeries;
use crate::coalesce::{Due, Policy, due};
use crate::combining::{Child, any_of};
use crate::cron::transition::{CronSeries, Memo};
use crate::error::{Error, IterationLimitReached, MAX_DEPTH};
use crate::instant::{Micros, Wall};
use crate::interval::{DateSeries, IntervalSeries};
use crate::meeting::AllOfSeries;
use crate::series::{Fire, Series, Simple, State};
use crate::steps::Search;
use crate::zone::Zone;

/// A compiled definition of fire times.
#[derive(Clone, Debug)]
pub struct Plan {
    series: Series,
    /// The zones of the leaves, in order.
    zones: Box<[Arc<Zone>]>,
    depth: usize,
    steps: u64,
}

impl Plan {
    fn leaf(zone: Arc<Zone>, series: Simple) -> Plan {
        Plan { series: Series::simple(series), zones: Box::new([zone]), depth: 0, steps: 1 }
    }

    /// The plan that fires once.
    #[must_use]
    pub fn date(zone: Arc<Zone>, at: Micros) -> Plan {
        let series = DateSeries::new(&zone, at);
        Plan::leaf(zone, Simple::Date(series))
    }

    /// The plan that fires at `start` and every multiple of a step after it, until `end`.
    ///
    /// # Errors
    ///
    /// See `IntervalSeries::new`.
    pub fn interval(
        zone: Arc<Zone>,
        start: Micros,
        step_micros: i64,
        end: Option<Micros>,
    ) -> Result<Plan, Error> {
        let series = IntervalSeries::new(&zone, start, step_micros, end)?;
        Ok(Plan::leaf(zone, Simple::Interval(series)))
    }

    /// The plan of a cron series.
    #[must_use]
    pub fn cron(zone: Arc<Zone>, series: CronSeries) -> Plan {
        Plan::leaf(zone, Simple::Cron(Box::new(series)))
    }

    /// The plan of a calendar interval.
    #[must_use]
    pub fn calendar_interval(zone: Arc<Zone>, series: CalendarIntervalSeries) -> Plan {
        Plan::leaf(zone, Simple::CalendarInterval(series))
    }

    /// The plan that fires when any of some plans does.
    ///
    /// # Errors
    ///
    /// There are none, or they are nested too deep.
    pub fn any_of(plans: &[&Plan]) -> Result<Plan, Error> {
        Plan::combine(plans, any_of)
    }

    /// The plan that fires when all of some plans do within a threshold in microseconds.
    ///
    /// # Errors
    ///
    /// See `AllOfSeries::new`; or they are nested too deep.
    pub fn all_of(plans: &[&Plan], threshold: i64, max_iterations: i64) -> Result<Plan, Error> {
        Plan::combine(plans, |children| {
            Ok(Series::AllOf(Arc::new(AllOfSeries::new(children, threshold, max_iterations)?)))
        })
    }

    fn combine(
        plans: &[&Plan],
        with: impl FnOnce(Vec<Child>) -> Result<Series, Error>,
    ) -> Result<Plan, Error> {
        let depth = 1 + plans.iter().map(|plan| plan.depth).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(Error::Depth(depth));
        }
        let mut zones = Vec::new();
        let mut children = Vec::with_capacity(plans.len());
        for plan in plans {
            children.push(Child { series: plan.series.clone(), first_leaf: zones.len() });
            zones.extend(plan.zones.iter().map(Arc::clone));
        }
        let series = with(children)?;
        let steps = plans.iter().fold(0, |sum: u64, plan| sum.saturating_add(plan.steps));
        let steps = match &series {
            Series::AllOf(meeting) => steps.saturating_mul(meeting.max_iterations() + 1),
            _ => steps,
        };
        Ok(Plan { series, zones: zones.into(), depth, steps })
    }

    /// The fire times.
    #[must_use]
    pub const fn series(&self) -> &Series {
        &self.series
    }

    /// How many steps of leaves it takes at most to find a fire time from the one before it.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Memos of a plan that has not been asked, one for each leaf.
    #[must_use]
    pub fn memos(&self) -> Box<[Memo]> {
        vec![Memo::NONE; self.zones.len()].into()
    }

    /// The first fire time later than `after`.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    pub fn first_after(&self, after: Micros) -> Result<Option<Micros>, IterationLimitReached> {
        self.series.first_after(after, &mut Search::new(&mut self.memos()))
    }

    /// The last fire time until `at`.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    pub fn last_at_or_before(&self, at: Micros) -> Result<Option<Micros>, IterationLimitReached> {
        self.series.last_at_or_before(at.min(Micros::MAX), &mut Search::new(&mut self.memos()))
    }

    /// The state of a plan whose parts all start later than `after`.
    #[must_use]
    pub fn position(&self, after: Micros) -> State {
        self.series.position(after)
    }

    /// The fire time that follows a state.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    #[inline]
    pub fn next(
        &self,
        state: &State,
        memos: &mut [Memo],
    ) -> Result<Option<Fire>, IterationLimitReached> {
        self.series.advance(state, Micros::AFTER_ALL, &mut Search::new(memos))
    }

    /// Visit at most `count` fire times that follow a state and are earlier than `before`, each with its leaf. Return the
    /// state after the last of them.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    #[inline]
    pub fn visit(
        &self,
        state: &State,
        before: Micros,
        count: usize,
        memos: &mut [Memo],
        visit: impl FnMut(Micros, usize),
    ) -> Result<Option<State>, IterationLimitReached> {
        self.series.visit(state, before, count, &mut Search::new(memos), visit)
    }

    /// What has passed by `now` of what follows a state.
    ///
    /// # Errors
    ///
    /// A meeting takes more iterations than it may.
    pub fn due(
        &self,
        state: &State,
        now: Micros,
        policy: Policy,
        memos: &mut [Memo],
    ) -> Result<Due, IterationLimitReached> {
        due(&self.series, state, now, policy, &mut Search::new(memos))
    }

    /// What the wall clock of a leaf reads, and its fold. None if there is no such leaf.
    #[inline]
    #[must_use]
    pub fn wall(&self, leaf: usize, at: Micros, memos: &[Memo]) -> Option<(Wall, bool)> {
        match memos.get(leaf)?.offset_at(at) {
            Some(offset) => Some((at.wall(offset), false)),
            None => Some(self.zones.get(leaf)?.wall(at)),
        }
    }

    /// The instant at which the wall clock of a leaf reads something. None if there is no such leaf.
    #[must_use]
    pub fn instant(&self, leaf: usize, wall: Wall, fold: bool) -> Option<Micros> {
        Some(self.zones.get(leaf)?.instant(wall, fold))
    }
}
