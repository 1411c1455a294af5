//! Cron fields, as Python hands them over.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rota_domain::cron::field;

/// (second, minute, hour, month, years, weeks, day, `day_of_week`, either)
type Fields<'py> = (Mask, Mask, Mask, Mask, Option<Bound<'py, PyBytes>>, Mask, Days, Days, bool);
/// (days, `from_end`, `nearest_weekday`, nth, `last_weekday`, weekdays)
type Days = (Mask, Mask, Mask, Mask, Mask, Mask);

/// A set of small integers; no field has as many as 64.
struct Mask(u64);

impl<'py> FromPyObject<'_, 'py> for Mask {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Mask> {
        object.extract().map(Mask).map_err(|_| {
            PyValueError::new_err(format!("mask must have at most 64 bits, got: {object:.80?}"))
        })
    }
}

pub(crate) struct CronFields(pub(crate) field::CronFields);

impl<'py> FromPyObject<'_, 'py> for CronFields {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<CronFields> {
        let (second, minute, hour, month, years, weeks, day, day_of_week, either): Fields<'py> =
            object.extract()?;
        Ok(CronFields(field::CronFields {
            second: second.0,
            minute: minute.0,
            hour: hour.0,
            month: month.0,
            years: years.map(|years| years.as_bytes().to_vec()),
            weeks: weeks.0,
            day: days(&day),
            day_of_week: days(&day_of_week),
            either,
        }))
    }
}

fn days((days, from_end, nearest_weekday, nth, last_weekday, weekdays): &Days) -> field::DaySpec {
    field::DaySpec {
        days: days.0,
        from_end: from_end.0,
        nearest_weekday: nearest_weekday.0,
        nth: nth.0,
        last_weekday: last_weekday.0,
        weekdays: weekdays.0,
    }
}
