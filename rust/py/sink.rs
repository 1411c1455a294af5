//! Where fire times go that are visited.

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use rota_domain::instant::Micros;

use crate::py::plan::Stamped;

/// Room is made for so many results at once, as there may be fewer than were asked for.
const AT_ONCE: usize = 1024;

/// What fire times are put into.
pub(crate) trait Sink: Send {
    /// Make room for some of the fire times that are wanted; return for how many.
    ///
    /// # Errors
    ///
    /// There is no memory left.
    fn make_room(&mut self, wanted: usize) -> PyResult<usize>;

    /// Take a fire time and its leaf.
    fn put(&mut self, at: Micros, leaf: usize);
}

impl Sink for Vec<i64> {
    fn make_room(&mut self, wanted: usize) -> PyResult<usize> {
        reserve(self, wanted.min(self.len().max(AT_ONCE)))
    }

    #[inline]
    fn put(&mut self, at: Micros, _leaf: usize) {
        self.push(at.get());
    }
}

impl Sink for Vec<Stamped> {
    fn make_room(&mut self, wanted: usize) -> PyResult<usize> {
        reserve(self, wanted.min(self.len().max(AT_ONCE)))
    }

    #[inline]
    fn put(&mut self, at: Micros, leaf: usize) {
        self.push((at, leaf));
    }
}

/// It is only counted how many there are.
impl Sink for usize {
    fn make_room(&mut self, wanted: usize) -> PyResult<usize> {
        Ok(wanted)
    }

    #[inline]
    fn put(&mut self, _at: Micros, _leaf: usize) {
        *self += 1;
    }
}

/// Make room for `count` more items, and return that.
///
/// # Errors
///
/// There is no memory left.
pub(crate) fn reserve<T>(items: &mut Vec<T>, count: usize) -> PyResult<usize> {
    match items.try_reserve(count) {
        Ok(()) => Ok(count),
        Err(error) => Err(PyMemoryError::new_err(error.to_string())),
    }
}
