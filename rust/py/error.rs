//! Errors of the arithmetic as Python exceptions.

use pyo3::exceptions::{PyException, PyValueError};
use pyo3::{PyErr, create_exception};
use rota_domain::error;

create_exception!(
    rota._core,
    IterationLimitReached,
    PyException,
    "The children of an all_of plan did not meet within max_iterations iterations of one call."
);

/// Return the ValueError that says what is wrong with an argument.
pub(crate) fn invalid(error: error::Error) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Return the exception for a search that was given up.
pub(crate) fn too_far(error: error::IterationLimitReached) -> PyErr {
    IterationLimitReached::new_err(error.to_string())
}
