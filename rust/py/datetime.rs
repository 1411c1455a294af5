//! `datetime` objects, made and read through the C API, without calling Python.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{
    PyDateAccess, PyDateTime, PyDelta, PyDeltaAccess, PyTimeAccess, PyTzInfo, PyTzInfoAccess,
};
use rota_domain::civil::{Day, Month};
use rota_domain::instant::{DAY, Micros, Offset, SECOND, Wall};

/// Return the aware datetime that reads a wall time.
#[inline]
pub(crate) fn make<'py>(
    tzinfo: &Bound<'py, PyTzInfo>,
    (wall, fold): (Wall, bool),
) -> PyResult<Bound<'py, PyDateTime>> {
    let Some(day) = Day::new(wall.day()) else {
        return Err(PyValueError::new_err(format!(
            "wall time must be of the years 1 to 9999, got: {} microseconds since 1970",
            wall.get()
        )));
    };
    let date = day.date();
    let time = wall.time_of_day();
    let (second, microsecond) = ((time / SECOND) as u32, (time % SECOND) as u32);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    PyDateTime::new_with_fold(
        tzinfo.py(),
        date.month.year(),
        date.month.number(),
        date.day,
        hour as u8,
        minute as u8,
        second as u8,
        microsecond,
        Some(tzinfo),
        fold,
    )
}

/// Return the instant of an aware datetime. `known` is asked for the instant of a wall time in a `tzinfo` first.
pub(crate) fn read<'py>(
    moment: &Bound<'py, PyDateTime>,
    known: impl FnOnce(&Bound<'py, PyTzInfo>, Wall, bool) -> Option<Micros>,
) -> PyResult<Micros> {
    let Some(tzinfo) = moment.get_tzinfo() else {
        return Err(PyTypeError::new_err(format!("datetime must be aware, got: {moment}")));
    };
    let wall = wall_of(moment)?;
    if tzinfo.is(PyTzInfo::utc(moment.py())?) {
        return Ok(wall.at(Offset::ZERO));
    }
    match known(&tzinfo, wall, moment.get_fold()) {
        Some(at) => Ok(at),
        None => Ok(wall.at(ask_offset(moment)?)),
    }
}

/// Return what an aware or naive datetime reads.
pub(crate) fn wall_of(moment: &Bound<'_, PyDateTime>) -> PyResult<Wall> {
    let month = Month::new(moment.get_year(), moment.get_month());
    let day = month
        .day(moment.get_day())
        .ok_or_else(|| PyValueError::new_err(format!("datetime must be a date, got: {moment}")))?;
    let (hour, minute, second) = (moment.get_hour(), moment.get_minute(), moment.get_second());
    let second = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Ok(Wall::new(day, second * SECOND + i64::from(moment.get_microsecond())))
}

fn ask_offset(moment: &Bound<'_, PyDateTime>) -> PyResult<Offset> {
    let offset = moment.call_method0(pyo3::intern!(moment.py(), "utcoffset"))?;
    let Ok(offset) = offset.cast_into::<PyDelta>() else {
        return Err(PyTypeError::new_err(format!("datetime must be aware, got: {moment}")));
    };
    let seconds = i64::from(offset.get_seconds()) * SECOND + i64::from(offset.get_microseconds());
    Offset::new(i64::from(offset.get_days()) * DAY + seconds).ok_or_else(|| {
        PyValueError::new_err(format!("UTC offset must be less than a day, got: {offset}"))
    })
}
