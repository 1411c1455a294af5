//! Integers from Python, which know no bounds.

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use rota_domain::instant::Micros;

/// An integer, or the nearest one that has 64 bits.
#[derive(Clone, Copy)]
pub(crate) struct Saturated(pub(crate) i64);

/// An instant, or the nearest one within the years 1 to 9999 and a microsecond around them.
#[derive(Clone, Copy)]
pub(crate) struct Instant(pub(crate) Micros);

/// A number of results, none if it is negative.
#[derive(Clone, Copy)]
pub(crate) struct Count(pub(crate) usize);

impl<'py> FromPyObject<'_, 'py> for Saturated {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Saturated> {
        match object.extract() {
            Ok(value) => Ok(Saturated(value)),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                Ok(Saturated(if object.lt(0)? { i64::MIN } else { i64::MAX }))
            }
            Err(error) => Err(error),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Instant {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Instant> {
        let Saturated(value) = object.extract()?;
        Ok(Instant(Micros::clamped(value)))
    }
}

impl<'py> FromPyObject<'_, 'py> for Count {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Count> {
        let Saturated(value) = object.extract()?;
        Ok(Count(usize::try_from(value.max(0)).unwrap_or(usize::MAX)))
    }
}
