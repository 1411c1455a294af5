//! `Plan`: a compiled definition.

use pyo3::exceptions::PySystemError;
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyMemoryView, PyTzInfo};
use rota_domain::calendarinterval::CalendarIntervalSeries;
use rota_domain::cron::transition::{CronSeries, Gap, Memo, Overlap};
use rota_domain::error::{Error, IterationLimitReached};
use rota_domain::instant::{Micros, Wall};
use rota_domain::plan;
use rota_domain::series::{Series, Simple, State};

use crate::py::cursor::Cursor;
use crate::py::error::{invalid, too_far};
use crate::py::fields::CronFields;
use crate::py::integer::{Count, Instant, Saturated};
use crate::py::sink::{Sink, reserve};
use crate::py::zone::Zone;
use crate::py::{datetime, micros, state};

/// From so many steps on, which take about a millisecond, others may use the interpreter meanwhile.
const LONG: u64 = 50_000;

/// After so many steps, which take some tenths of a second, a signal such as that of Ctrl-C is handled.
const UNINTERRUPTED: u64 = 10_000_000;

/// A fire time, and the leaf of the plan that gives it.
pub(crate) type Stamped = (Micros, usize);

/// A compiled definition: immutable, without a position, safe to share between threads.
#[pyclass(frozen, module = "rota._core")]
pub(crate) struct Plan {
    inner: plan::Plan,
    /// What to stamp the fire times of each leaf with.
    stamps: Box<[Py<PyTzInfo>]>,
}

impl Plan {
    fn leaf(py: Python<'_>, zone: &Zone, inner: plan::Plan) -> Plan {
        Plan { inner, stamps: Box::new([zone.stamp(py)]) }
    }

    fn combination(
        py: Python<'_>,
        plans: &[Bound<'_, Plan>],
        with: impl FnOnce(&[&plan::Plan]) -> Result<plan::Plan, Error>,
    ) -> PyResult<Plan> {
        let children: Vec<_> = plans.iter().map(|plan| &plan.get().inner).collect();
        let inner = with(&children).map_err(invalid)?;
        let stamps = plans.iter().flat_map(|plan| &plan.get().stamps);
        Ok(Plan { inner, stamps: stamps.map(|stamp| stamp.clone_ref(py)).collect() })
    }

    pub(crate) fn memos(&self) -> Box<[Memo]> {
        self.inner.memos()
    }

    /// How many fire times may have to be looked at to skip to one: meetings have to be visited.
    pub(crate) fn to_skip(&self) -> usize {
        if self.simple().is_some() { 1 } else { usize::MAX }
    }

    /// Return the series if it is one whose state is the last fire time.
    pub(crate) fn simple(&self) -> Option<&Simple> {
        match self.inner.series() {
            Series::Simple(series) => Some(series),
            _ => None,
        }
    }

    /// Return the datetime of a fire time.
    #[inline]
    pub(crate) fn stamp<'py>(
        &self,
        py: Python<'py>,
        (at, leaf): Stamped,
        memos: &[Memo],
    ) -> PyResult<Bound<'py, PyDateTime>> {
        match (self.stamps.get(leaf), self.inner.wall(leaf, at, memos)) {
            (Some(tzinfo), Some(wall)) => datetime::make(tzinfo.bind(py), wall),
            _ => Err(PySystemError::new_err(format!(
                "plan must have a zone for each fire time, got: {leaf}"
            ))),
        }
    }

    /// Return the datetimes of fire times.
    pub(crate) fn stamp_all<'py>(
        &self,
        py: Python<'py>,
        fire_times: &[Stamped],
        memos: &[Memo],
    ) -> PyResult<Vec<Bound<'py, PyDateTime>>> {
        let mut moments = Vec::new();
        reserve(&mut moments, fire_times.len())?;
        for fire_time in fire_times {
            moments.push(self.stamp(py, *fire_time, memos)?);
        }
        Ok(moments)
    }

    /// Return the instant of a datetime, without asking its tzinfo if it is one of the plan's own.
    pub(crate) fn read(&self, moment: &Bound<'_, PyDateTime>) -> PyResult<Micros> {
        datetime::read(moment, |tzinfo, wall: Wall, fold| {
            let leaf = self.stamps.iter().position(|stamp| stamp.is(tzinfo))?;
            self.inner.instant(leaf, wall, fold)
        })
    }

    /// Compute, and let others use the interpreter meanwhile if so many fire times may take long.
    pub(crate) fn compute<T: Send>(
        &self,
        py: Python<'_>,
        fire_times: usize,
        answer: impl FnOnce(&plan::Plan) -> Result<T, IterationLimitReached> + Send,
    ) -> PyResult<T> {
        let fire_times = u64::try_from(fire_times).unwrap_or(u64::MAX);
        let is_long = self.inner.steps().saturating_mul(fire_times) > LONG;
        let result = if is_long { py.detach(|| answer(&self.inner)) } else { answer(&self.inner) };
        result.map_err(too_far)
    }

    fn collect(
        &self,
        py: Python<'_>,
        after: Micros,
        until: Micros,
        limit: usize,
    ) -> PyResult<Vec<i64>> {
        let mut found = Vec::new();
        self.scan(py, after, until, limit, &mut found)?;
        Ok(found)
    }

    /// Put at most `limit` fire times later than `after`, until `until`, into a sink.
    fn scan(
        &self,
        py: Python<'_>,
        after: Micros,
        until: Micros,
        limit: usize,
        sink: &mut impl Sink,
    ) -> PyResult<()> {
        let (state, end) = (self.inner.position(after), until.saturating_add(1));
        self.walk(py, &state, end, limit, &mut self.memos(), sink).map(drop)
    }

    /// Put at most `limit` fire times that follow a state and are earlier than `end` into a sink.
    ///
    /// Return the state after the last of them. A signal may end that, or that there is no memory left.
    pub(crate) fn walk(
        &self,
        py: Python<'_>,
        state: &State,
        end: Micros,
        limit: usize,
        memos: &mut [Memo],
        sink: &mut impl Sink,
    ) -> PyResult<Option<State>> {
        let at_once =
            usize::try_from(UNINTERRUPTED / self.inner.steps().max(1)).unwrap_or(usize::MAX);
        let (mut reached, mut left) = (None, limit);
        while left > 0 {
            let count = sink.make_room(left.min(at_once.max(1)))?;
            let mut visited = 0;
            let last = self.compute(py, count, |plan| {
                plan.visit(reached.as_ref().unwrap_or(state), end, count, memos, |at, leaf| {
                    visited += 1;
                    sink.put(at, leaf);
                })
            })?;
            reached = last.or(reached);
            if visited < count {
                break;
            }
            left -= count;
            py.check_signals()?;
        }
        Ok(reached)
    }
}

#[pymethods]
impl Plan {
    /// Return the plan that fires once.
    #[staticmethod]
    fn date(py: Python<'_>, zone: &Bound<'_, Zone>, at: Instant) -> Plan {
        Plan::leaf(py, zone.get(), plan::Plan::date(zone.get().spans(), at.0))
    }

    /// Return the plan that fires at `start` and every multiple of `step` after it, up to `end`.
    #[staticmethod]
    fn interval(
        py: Python<'_>,
        zone: &Bound<'_, Zone>,
        start: Instant,
        step: Saturated,
        end: Option<Instant>,
    ) -> PyResult<Plan> {
        let zone = zone.get();
        let inner = plan::Plan::interval(zone.spans(), start.0, step.0, end.map(|end| end.0));
        Ok(Plan::leaf(py, zone, inner.map_err(invalid)?))
    }

    /// Return the plan that fires when the wall clock of `zone` matches `fields`, from `start` to `end`.
    ///
    /// gap: 0 skip, 1 shift to its end. overlap: 0 first pass, 1 second pass, 2 both.
    #[staticmethod]
    fn cron(
        py: Python<'_>,
        zone: &Bound<'_, Zone>,
        fields: CronFields,
        start: Instant,
        end: Option<Instant>,
        gap: Saturated,
        overlap: Saturated,
    ) -> PyResult<Plan> {
        let (zone, end) = (zone.get(), end.map(|end| end.0));
        let gap = Gap::new(gap.0).map_err(invalid)?;
        let overlap = Overlap::new(overlap.0).map_err(invalid)?;
        let series = CronSeries::new(zone.spans(), &fields.0, start.0, end, gap, overlap);
        Ok(Plan::leaf(py, zone, plan::Plan::cron(zone.spans(), series.map_err(invalid)?)))
    }

    /// Return the plan that steps from date to date by months and days, up to the date `end_ordinal`.
    #[staticmethod]
    fn calendar_interval(
        py: Python<'_>,
        zone: &Bound<'_, Zone>,
        start_ordinal: Saturated,
        end_ordinal: Option<Saturated>,
        months: Saturated,
        days: Saturated,
        time_of_day_micros: Saturated,
    ) -> PyResult<Plan> {
        let zone = zone.get();
        let end = end_ordinal.map(|end| end.0);
        let series = CalendarIntervalSeries::new(
            zone.spans(),
            start_ordinal.0,
            end,
            months.0,
            days.0,
            time_of_day_micros.0,
        );
        Ok(Plan::leaf(
            py,
            zone,
            plan::Plan::calendar_interval(zone.spans(), series.map_err(invalid)?),
        ))
    }

    /// Return the plan that fires when any of `plans` does.
    #[staticmethod]
    fn any_of(py: Python<'_>, plans: Vec<Bound<'_, Plan>>) -> PyResult<Plan> {
        Plan::combination(py, &plans, plan::Plan::any_of)
    }

    /// Return the plan that fires when all of `plans` do within `threshold` microseconds.
    #[staticmethod]
    fn all_of(
        py: Python<'_>,
        plans: Vec<Bound<'_, Plan>>,
        threshold: Saturated,
        max_iterations: Saturated,
    ) -> PyResult<Plan> {
        Plan::combination(py, &plans, |plans| {
            plan::Plan::all_of(plans, threshold.0, max_iterations.0)
        })
    }

    /// Return the first fire time of the plan if every part of it starts later than after.
    fn first_after(&self, py: Python<'_>, after: Instant) -> PyResult<Option<i64>> {
        Ok(self.compute(py, 1, |plan| plan.first_after(after.0))?.map(Micros::get))
    }

    /// Return the last fire time not later than at, of those that a cursor gives from the beginning.
    fn last_at_or_before(&self, py: Python<'_>, at: Instant) -> PyResult<Option<i64>> {
        Ok(self.compute(py, self.to_skip(), |plan| plan.last_at_or_before(at.0))?.map(Micros::get))
    }

    /// Return the first limit fire times, not later than until, if every part of the plan starts later than after.
    fn between(
        &self,
        py: Python<'_>,
        after: Instant,
        until: Instant,
        limit: Count,
    ) -> PyResult<Vec<i64>> {
        self.collect(py, after.0, until.0, limit.0)
    }

    /// Return what between does, as 64-bit integers in memory that cannot be written.
    fn between_micros<'py>(
        &self,
        py: Python<'py>,
        after: Instant,
        until: Instant,
        limit: Count,
    ) -> PyResult<Bound<'py, PyMemoryView>> {
        micros::view(py, self.collect(py, after.0, until.0, limit.0)?)
    }

    /// Return the length of what between returns.
    fn count(
        &self,
        py: Python<'_>,
        after: Instant,
        until: Instant,
        limit: Count,
    ) -> PyResult<usize> {
        let mut count: usize = 0;
        self.scan(py, after.0, until.0, limit.0, &mut count)?;
        Ok(count)
    }

    /// Return a cursor at state. Raise ValueError if it does not fit the plan.
    #[pyo3(signature = (state=None))]
    fn cursor(slf: Bound<'_, Plan>, state: Option<&Bound<'_, PyAny>>) -> PyResult<Cursor> {
        let state = match state {
            Some(value) => state::load(slf.get().inner.series(), value)?,
            None => State::Start,
        };
        Ok(Cursor::new(slf.unbind(), state))
    }
}

/// Return what `between_micros` returns for each plan.
#[pyfunction]
pub(crate) fn between_many<'py>(
    py: Python<'py>,
    plans: Vec<Bound<'py, Plan>>,
    after: Instant,
    until: Instant,
    limit_each: Count,
) -> PyResult<Vec<Bound<'py, PyMemoryView>>> {
    let found = plans.iter().map(|plan| plan.get().collect(py, after.0, until.0, limit_each.0));
    found.map(|values| micros::view(py, values?)).collect()
}
