//! `rota._core`: the trigger arithmetic of rota, for Python.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over as owned values")]

mod py;

/// The module: it only exports.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::py::cursor::{Cursor, due_batch};
    #[pymodule_export]
    use crate::py::error::IterationLimitReached;
    #[pymodule_export]
    use crate::py::plan::{Plan, between_many};
    #[pymodule_export]
    use crate::py::zone::Zone;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name that Python looks for")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
    /// Raised with every change of what this module offers, so that a stale build is noticed.
    #[pymodule_export]
    const API_VERSION: i64 = 3;
    #[pymodule_export]
    const MIN_MICROS: i64 = rota_domain::instant::Micros::MIN.get();
    #[pymodule_export]
    const MAX_MICROS: i64 = rota_domain::instant::Micros::MAX.get();
}
