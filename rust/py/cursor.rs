//! `Cursor`: a position in a plan, the only thing that changes.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyException, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDateTime, PyMemoryView};
use rota_domain::coalesce::Policy;
use rota_domain::cron::transition::Memo;
use rota_domain::instant::Micros;
use rota_domain::series::State;

use crate::py::error::invalid;
use crate::py::integer::{Count, Saturated};
use crate::py::plan::{Plan, Stamped};
use crate::py::sink::Sink;
use crate::py::{datetime, micros, state};

/// A position in a plan. One thread at a time moves it; the others wait, without holding the interpreter.
#[pyclass(frozen, module = "rota._core")]
pub(crate) struct Cursor {
    plan: Py<Plan>,
    position: Mutex<Position>,
}

struct Position {
    state: State,
    /// Where the parts of the plan were last, which only saves time.
    memos: Box<[Memo]>,
}

thread_local! {
    /// The cursors that this thread moves while it heeds signals.
    static MOVING: RefCell<Vec<*const Cursor>> = const { RefCell::new(Vec::new()) };
}

/// That this thread moves a cursor, until it is dropped.
struct Moving;

impl Moving {
    fn new(cursor: *const Cursor) -> Moving {
        MOVING.with_borrow_mut(|moving| moving.push(cursor));
        Moving
    }

    fn includes(cursor: *const Cursor) -> bool {
        MOVING.with_borrow(|moving| moving.contains(&cursor))
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        MOVING.with_borrow_mut(Vec::pop);
    }
}

/// The fire times to handle, and the next one.
type Due<'py> = (Vec<Bound<'py, PyDateTime>>, Option<Bound<'py, PyDateTime>>);

impl Cursor {
    pub(crate) fn new(plan: Py<Plan>, state: State) -> Cursor {
        let memos = plan.get().memos();
        Cursor { plan, position: Mutex::new(Position { state, memos }) }
    }

    /// Lock the position. The state changes in one assignment, so it is whole whatever became of the last holder.
    ///
    /// # Errors
    ///
    /// This thread is moving it: a signal handler asks that was called meanwhile.
    fn lock(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Position>> {
        if Moving::includes(self) {
            return Err(PyRuntimeError::new_err("the trigger is being moved by this very thread"));
        }
        Ok(self.position.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner))
    }

    /// Move over the next `count` fire times, and return what `finish` makes of them. If that raises, the state stays.
    fn advance<S: Sink + Default, T>(
        &self,
        py: Python<'_>,
        count: usize,
        finish: impl FnOnce(&Plan, S, &[Memo]) -> PyResult<T>,
    ) -> PyResult<T> {
        let mut guard = self.lock(py)?;
        let Position { state, memos } = &mut *guard;
        let plan = self.plan.get();
        let _moving = Moving::new(self);
        let mut found = S::default();
        let last = plan.walk(py, state, Micros::AFTER_ALL, count, memos, &mut found)?;
        let finished = finish(plan, found, memos)?;
        py.check_signals()?;
        if let Some(last) = last {
            *state = last;
        }
        Ok(finished)
    }

    fn due_at<'py>(
        &self,
        pending: Bound<'py, PyDateTime>,
        now: Micros,
        policy: Policy,
    ) -> PyResult<Due<'py>> {
        let (py, plan) = (pending.py(), self.plan.get());
        if plan.read(&pending)? > now {
            return Ok((Vec::new(), Some(pending)));
        }
        let expected = match policy {
            Policy::All { limit } => limit,
            Policy::Earliest | Policy::Latest => plan.to_skip(),
        };
        let mut guard = self.lock(py)?;
        let Position { state, memos } = &mut *guard;
        let due = plan.compute(py, expected, |plan| plan.due(state, now, policy, memos))?;
        let following =
            due.following.map(|fire_time| plan.stamp(py, fire_time, memos)).transpose()?;
        let mut kept = plan.stamp_all(py, &due.passed, memos)?;
        if policy != Policy::Latest || kept.is_empty() {
            kept.insert(0, pending);
        }
        *state = due.state;
        Ok((kept, following))
    }
}

#[pymethods]
impl Cursor {
    #[getter]
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let state = self.lock(py)?.state.clone();
        state::dump(py, &state)
    }

    #[getter]
    fn plan(&self, py: Python<'_>) -> Py<Plan> {
        self.plan.clone_ref(py)
    }

    /// Move to the next fire time and return it. If there is none, or it raises, the state stays as it is.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDateTime>>> {
        let plan = self.plan.get();
        let mut guard = self.lock(py)?;
        let Position { state, memos } = &mut *guard;
        if let Some(series) = plan.simple() {
            // Most plans are; their states need not be moved about.
            let Some(fire_time) = series.next(state, memos) else { return Ok(None) };
            let moment = plan.stamp(py, fire_time, memos)?;
            *state = State::At(fire_time.0);
            return Ok(Some(moment));
        }
        let Some(fire) = plan.compute(py, 1, |plan| plan.next(state, memos))? else {
            return Ok(None);
        };
        let moment = plan.stamp(py, (fire.at, fire.leaf), memos)?;
        *state = fire.state;
        Ok(Some(moment))
    }

    /// Move over the next n fire times and return them.
    fn next_n<'py>(&self, py: Python<'py>, n: Count) -> PyResult<Vec<Bound<'py, PyDateTime>>> {
        self.advance(py, n.0, |plan, fire_times: Vec<Stamped>, memos| {
            plan.stamp_all(py, &fire_times, memos)
        })
    }

    /// Move over the next n fire times and return them as 64-bit integers in memory that cannot be written.
    fn next_micros<'py>(&self, py: Python<'py>, n: Count) -> PyResult<Bound<'py, PyMemoryView>> {
        self.advance(py, n.0, |_, instants, _| micros::view(py, instants))
    }

    /// Return the fire times from pending, the last answer, to now that policy keeps, and the next one.
    ///
    /// The cursor is left on the next one. policy: 0 the earliest, 1 the latest, 2 all, but at most limit.
    fn due<'py>(
        &self,
        pending: Bound<'py, PyDateTime>,
        now: &Bound<'py, PyDateTime>,
        policy: Saturated,
        limit: Saturated,
    ) -> PyResult<Due<'py>> {
        let policy = Policy::new(policy.0, limit.0).map_err(invalid)?;
        let now = self.plan.get().read(now)?;
        self.due_at(pending, now, policy)
    }
}

/// Return what due returns, or the exception that it raises, for each cursor.
#[pyfunction]
pub(crate) fn due_batch<'py>(
    py: Python<'py>,
    cursors: Vec<Bound<'py, Cursor>>,
    pending: Vec<Bound<'py, PyAny>>,
    now: &Bound<'py, PyDateTime>,
    policies: Vec<Saturated>,
    limit: Saturated,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if pending.len() != cursors.len() || policies.len() != cursors.len() {
        return Err(PyValueError::new_err(format!(
            "pending and policies must be as many as cursors ({}), got: {}, {}",
            cursors.len(),
            pending.len(),
            policies.len()
        )));
    }
    let now = datetime::read(now, |_, _, _| None)?;
    let each = cursors.iter().zip(pending).zip(policies);
    each.map(|((cursor, pending), policy)| {
        let due = Policy::new(policy.0, limit.0)
            .map_err(invalid)
            .and_then(|policy| cursor.get().due_at(pending.cast_into()?, now, policy));
        match due {
            Ok(due) => due.into_bound_py_any(py),
            Err(error) if error.is_instance_of::<PyException>(py) => error.into_bound_py_any(py),
            Err(error) => Err(error),
        }
    })
    .collect()
}
