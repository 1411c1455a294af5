//! Intervals of real time, and single instants.

use std::sync::Arc;

use crate::error::Error;
use crate::instant::Micros;
use crate::zone::Zone;

/// One instant.
#[derive(Debug)]
pub struct DateSeries {
    at: Option<Micros>,
}

/// A start, and every multiple of a step after it.
#[derive(Debug)]
pub struct IntervalSeries {
    start: Micros,
    step: i64,
    end: Micros,
}

impl DateSeries {
    /// The instant, if its wall time is within the years 1 to 9999.
    #[must_use]
    pub fn new(zone: &Arc<Zone>, at: Micros) -> DateSeries {
        DateSeries { at: Some(at).filter(|at| (zone.first()..=zone.last()).contains(at)) }
    }

    /// The instant, if it is later than `after`.
    #[must_use]
    pub fn first_after(&self, after: Micros) -> Option<Micros> {
        self.at.filter(|at| *at > after)
    }

    /// The instant, if it is not later than `at`.
    #[must_use]
    pub fn last_at_or_before(&self, at: Micros) -> Option<Micros> {
        self.at.filter(|only| *only <= at)
    }
}

impl IntervalSeries {
    /// Those from `start` to `end`, both inclusive.
    ///
    /// # Errors
    ///
    /// The step is not positive.
    pub fn new(
        zone: &Zone,
        start: Micros,
        step_micros: i64,
        end: Option<Micros>,
    ) -> Result<IntervalSeries, Error> {
        if step_micros <= 0 {
            return Err(Error::Step(step_micros));
        }
        // Begin with the first of them whose wall time is within the years 1 to 9999.
        let missing = zone.first().since(start).max(0);
        let steps = missing / step_micros + i64::from(missing % step_micros != 0);
        let start = start.saturating_add(steps.saturating_mul(step_micros));
        let end = end.unwrap_or(zone.last()).min(zone.last());
        Ok(IntervalSeries { start, step: step_micros, end })
    }

    /// The first fire time later than `after`.
    #[must_use]
    pub fn first_after(&self, after: Micros) -> Option<Micros> {
        let at = if after < self.start {
            self.start
        } else {
            let since = after.since(self.start) % self.step;
            after.saturating_add(self.step - since)
        };
        (at <= self.end).then_some(at)
    }

    /// The last fire time until `at`.
    #[must_use]
    pub fn last_at_or_before(&self, at: Micros) -> Option<Micros> {
        let at = at.min(self.end);
        (at >= self.start).then(|| at.saturating_add(-(at.since(self.start) % self.step)))
    }
}
