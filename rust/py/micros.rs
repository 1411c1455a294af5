//! Instants through the buffer protocol, without a copy.

use std::ffi::{CStr, c_int, c_void};

use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

const FORMAT: &CStr = c"q";
const ITEM_SIZE: ffi::Py_ssize_t = 8;

/// Return a view of 64-bit instants, which cannot be written.
pub(crate) fn view(py: Python<'_>, values: Vec<i64>) -> PyResult<Bound<'_, PyMemoryView>> {
    let values = values.into_boxed_slice();
    // An allocation is never larger than an isize tells.
    let shape = [values.len().cast_signed()];
    let owner = Bound::new(py, Micros { values, shape, strides: [ITEM_SIZE] })?;
    PyMemoryView::from(&owner)
}

/// What a view of instants keeps alive.
#[pyclass(frozen, module = "rota._core")]
struct Micros {
    values: Box<[i64]>,
    /// What the view points to beside the values.
    shape: [ffi::Py_ssize_t; 1],
    strides: [ffi::Py_ssize_t; 1],
}

#[pymethods]
impl Micros {
    /// Fill a view of the values.
    ///
    /// # Safety
    ///
    /// `view` is null or points to a `Py_buffer` that may be written, as the interpreter guarantees.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        // SAFETY: the caller's promise.
        let Some(view) = (unsafe { view.as_mut() }) else {
            return Err(PyBufferError::new_err("view must not be null"));
        };
        view.obj = std::ptr::null_mut();
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("Micros cannot be written"));
        }
        let asks_for = |flag| flags & flag == flag;
        let this = slf.get();
        // What the view points to lives and stays where it is for as long as the object does, which `obj` keeps alive.
        view.buf = this.values.as_ptr().cast_mut().cast::<c_void>();
        view.len = this.shape[0] * ITEM_SIZE;
        view.readonly = 1;
        view.itemsize = ITEM_SIZE;
        view.ndim = 1;
        view.format = if asks_for(ffi::PyBUF_FORMAT) {
            FORMAT.as_ptr().cast_mut()
        } else {
            std::ptr::null_mut()
        };
        view.shape = if asks_for(ffi::PyBUF_ND) {
            this.shape.as_ptr().cast_mut()
        } else {
            std::ptr::null_mut()
        };
        view.strides = if asks_for(ffi::PyBUF_STRIDES) {
            this.strides.as_ptr().cast_mut()
        } else {
            std::ptr::null_mut()
        };
        view.suboffsets = std::ptr::null_mut();
        view.internal = std::ptr::null_mut();
        view.obj = slf.into_any().into_ptr();
        Ok(())
    }
}
