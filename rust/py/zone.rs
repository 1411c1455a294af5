//! `Zone`: the spans of a time zone, and the `tzinfo` that its results are stamped with.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyTimeAccess, PyTzInfo};
use rota_domain::instant::Micros;
use rota_domain::zone;

use crate::py::datetime;
use crate::py::error::invalid;
use crate::py::integer::{Instant, Saturated};

/// The spans of constant offset of a time zone, and the tzinfo to stamp results with.
#[pyclass(frozen, module = "rota._core")]
pub(crate) struct Zone {
    tzinfo: Py<PyTzInfo>,
    spans: Arc<zone::Zone>,
}

impl Zone {
    pub(crate) fn spans(&self) -> Arc<zone::Zone> {
        Arc::clone(&self.spans)
    }

    pub(crate) fn stamp(&self, py: Python<'_>) -> Py<PyTzInfo> {
        self.tzinfo.clone_ref(py)
    }
}

#[pymethods]
impl Zone {
    /// Return the zone of TZif data (RFC 8536). Raise ValueError if they are malformed.
    #[staticmethod]
    fn from_tzif(py: Python<'_>, tzinfo: Py<PyTzInfo>, data: &[u8]) -> PyResult<Zone> {
        let spans = py.detach(|| zone::Zone::from_tzif(data)).map_err(invalid)?;
        Ok(Zone { tzinfo, spans: Arc::new(spans) })
    }

    /// Return the zone of a fixed offset, which is less than a day. Raise ValueError otherwise.
    #[staticmethod]
    fn fixed(tzinfo: Py<PyTzInfo>, offset_micros: Saturated) -> PyResult<Zone> {
        let spans = zone::Zone::fixed(offset_micros.0).map_err(invalid)?;
        Ok(Zone { tzinfo, spans: Arc::new(spans) })
    }

    #[getter]
    fn tzinfo(&self, py: Python<'_>) -> Py<PyTzInfo> {
        self.stamp(py)
    }

    /// Return the first instant, the first instant after, and the offset in microseconds of the span that holds at.
    fn span_at(&self, at: Instant) -> (i64, i64, i64) {
        let span = self.spans.span(at.0);
        (span.start.get(), span.end.get(), span.offset.get())
    }

    /// Return the instant of a wall time of this zone. The fold tells the pass of an overlap; the tzinfo is unread.
    ///
    /// None if the wall clock never reads it, or the instant is outside of the years 1 to 9999.
    fn instant(&self, moment: &Bound<'_, PyDateTime>) -> PyResult<Option<i64>> {
        let wall = datetime::wall_of(moment)?;
        let at = self.spans.instant(wall, moment.get_fold());
        let within = (Micros::MIN..=Micros::MAX).contains(&at);
        Ok((within && self.spans.wall(at).0 == wall).then(|| at.get()))
    }

    /// Return the wall time of at: aware, with the right fold. Raise ValueError outside of the years 1 to 9999.
    fn to_datetime<'py>(&self, py: Python<'py>, at: Instant) -> PyResult<Bound<'py, PyDateTime>> {
        datetime::make(self.tzinfo.bind(py), self.spans.wall(at.0))
    }
}
