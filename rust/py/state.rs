//! States, as the plain values that Python stores.

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt, PyList};
use rota_domain::combining::Child;
use rota_domain::instant::Micros;
use rota_domain::series::{Series, State};

/// Return the plain value of a state.
pub(crate) fn dump<'py>(py: Python<'py>, state: &State) -> PyResult<Bound<'py, PyAny>> {
    match state {
        State::Start => Ok(py.None().into_bound(py)),
        State::At(at) => at.get().into_bound_py_any(py),
        State::Children(states) => Ok(dump_all(py, states)?.into_any()),
        State::Union(last, states) => {
            let parts = [last.get().into_bound_py_any(py)?, dump_all(py, states)?.into_any()];
            Ok(PyList::new(py, parts)?.into_any())
        }
    }
}

fn dump_all<'py>(py: Python<'py>, states: &[State]) -> PyResult<Bound<'py, PyList>> {
    let values: Vec<_> = states.iter().map(|state| dump(py, state)).collect::<PyResult<_>>()?;
    PyList::new(py, values)
}

/// Return the state of a series that a plain value is. Raise `ValueError` if it is none.
pub(crate) fn load(series: &Series, value: &Bound<'_, PyAny>) -> PyResult<State> {
    if value.is_none() {
        return Ok(State::Start);
    }
    match series {
        Series::Simple(_) => match instant(value) {
            Some(at) => Ok(State::At(at)),
            None => Err(misfit("an instant of the years 1 to 9999", value)),
        },
        Series::AllOf(meeting) => {
            let children = meeting.children();
            match list_of(value, children.len()) {
                Some(states) if !states.iter().any(Bound::is_none) => {
                    Ok(State::Children(load_all(children, &states)?))
                }
                _ => Err(misfit(&format!("{} states", children.len()), value)),
            }
        }
        Series::Union(union) => {
            let children = union.children();
            if let Some([last, states]) = list_of(value, 2).as_deref()
                && let (Some(last), Some(states)) = (instant(last), list_of(states, children.len()))
            {
                return Ok(State::Union(last, load_all(children, &states)?));
            }
            Err(misfit(&format!("an instant and {} states", children.len()), value))
        }
    }
}

fn load_all(children: &[Child], values: &[Bound<'_, PyAny>]) -> PyResult<Box<[State]>> {
    children.iter().zip(values).map(|(child, value)| load(&child.series, value)).collect()
}

fn list_of<'py>(value: &Bound<'py, PyAny>, length: usize) -> Option<Vec<Bound<'py, PyAny>>> {
    let list = value.cast::<PyList>().ok()?;
    (list.len() == length).then(|| list.iter().collect())
}

fn instant(value: &Bound<'_, PyAny>) -> Option<Micros> {
    let is_integer = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    if is_integer { Micros::new(value.extract().ok()?) } else { None }
}

fn misfit(wanted: &str, value: &Bound<'_, PyAny>) -> PyErr {
    match value.repr() {
        Ok(text) => {
            let text: String = text.to_string_lossy().chars().take(80).collect();
            PyValueError::new_err(format!("state must be None or {wanted}, got: {text}"))
        }
        Err(error) => error,
    }
}
