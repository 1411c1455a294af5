//! Calendar intervals: steps of months and days from date to date, at one time of day.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::civil::Day;
use crate::error::Error;
use crate::instant::{DAY, Micros, Offset, Wall};
use crate::zone::Zone;

/// Dates that follow one another by months, then days; those whose time of day the zone skips do not fire.
#[derive(Debug)]
pub struct CalendarIntervalSeries {
    zone: Arc<Zone>,
    start: Day,
    end: Day,
    months: i32,
    days: i32,
    time_of_day: i64,
    /// A date of the sequence from which a walk may begin. Any will do, so threads need not agree on it.
    recent: AtomicI32,
}

/// The direction of a search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

impl CalendarIntervalSeries {
    /// Those from the date `start_ordinal` to the date `end_ordinal`, both inclusive, as `date.toordinal()` counts.
    ///
    /// # Errors
    ///
    /// A step is negative or both are 0, the time of day is not within a day, or the start is no date.
    pub fn new(
        zone: Arc<Zone>,
        start_ordinal: i64,
        end_ordinal: Option<i64>,
        months: i64,
        days: i64,
        time_of_day_micros: i64,
    ) -> Result<CalendarIntervalSeries, Error> {
        if months < 0 || days < 0 || months == 0 && days == 0 {
            return Err(Error::CalendarSteps(months, days));
        }
        if !(0..DAY).contains(&time_of_day_micros) {
            return Err(Error::TimeOfDay(time_of_day_micros));
        }
        let start = Day::from_ordinal(start_ordinal).ok_or(Error::StartDate(start_ordinal))?;
        let end = match end_ordinal {
            None => Day::MAX,
            // An end that is before every date leaves none.
            Some(end) if end < start_ordinal => start.before(),
            Some(end) => Day::from_ordinal(end).unwrap_or(Day::MAX),
        };
        Ok(CalendarIntervalSeries {
            zone,
            start,
            end,
            // Longer steps than the calendar lead nowhere, however long they are.
            months: i32::try_from(months).unwrap_or(i32::MAX),
            days: i32::try_from(days).unwrap_or(i32::MAX),
            time_of_day: time_of_day_micros,
            recent: AtomicI32::new(start.get()),
        })
    }

    /// The first fire time later than `after`.
    #[must_use]
    pub fn first_after(&self, after: Micros) -> Option<Micros> {
        let (first, last) = (self.zone.first(), self.zone.last());
        let near = after.max(first).min(last);
        let mut date = self.date_from(Day::new(near.wall(self.zone.span(near).offset).day())?)?;
        loop {
            let at = self.zone.first_pass(Wall::new(date, self.time_of_day));
            if let Some(at) = at.filter(|at| *at > after && (first..=last).contains(at)) {
                return Some(at);
            }
            date = self.date_from(date.after())?;
        }
    }

    /// The last fire time until `at`.
    #[must_use]
    pub fn last_at_or_before(&self, at: Micros) -> Option<Micros> {
        let first = self.zone.first();
        let last = at.min(self.zone.last());
        // No wall clock is further ahead than a day.
        let day = last.saturating_add(DAY).wall(Offset::ZERO).day();
        let mut date = self.date_until(Day::new(day).unwrap_or(Day::MAX))?;
        loop {
            let at = self.zone.first_pass(Wall::new(date, self.time_of_day));
            if let Some(at) = at.filter(|at| (first..=last).contains(at)) {
                return Some(at);
            }
            date = self.date_until(date.before())?;
        }
    }

    /// The first date of the sequence that is `day` or later.
    fn date_from(&self, day: Day) -> Option<Day> {
        let date = if day <= self.start {
            self.start
        } else if self.months == 0 {
            let since = i64::from(day.get() - self.start.get());
            let step = i64::from(self.days);
            Day::new(i64::from(day.get()) + (step - since % step) % step)?
        } else if self.days == 0 {
            self.date_by_months(day, Direction::Forward)?
        } else {
            self.walk(day).1?
        };
        (date <= self.end).then_some(date)
    }

    /// The last date of the sequence that is `day` or earlier.
    fn date_until(&self, day: Day) -> Option<Day> {
        let day = day.min(self.end);
        if day < self.start {
            return None;
        }
        if self.months == 0 {
            return Day::new(i64::from(day.get() - (day.get() - self.start.get()) % self.days));
        }
        if self.days == 0 {
            return self.date_by_months(day, Direction::Backward);
        }
        if day == self.start {
            return Some(day);
        }
        let (before, date) = self.walk(day);
        Some(if date == Some(day) { day } else { before })
    }

    /// The date nearest to `day`, which is not before the start, in a sequence of months alone.
    fn date_by_months(&self, day: Day, direction: Direction) -> Option<Day> {
        let start = self.start.date();
        let since = day.date().month.index() - start.month.index();
        let mut month = start.month.checked_add(since - since % self.months)?;
        while month >= start.month {
            let date = month.day(start.day);
            let is_near = |date: &Day| match direction {
                Direction::Forward => *date >= day,
                Direction::Backward => *date <= day,
            };
            if let Some(date) = date.filter(is_near) {
                return Some(date);
            }
            month = match direction {
                Direction::Forward => month.checked_add(self.months)?,
                Direction::Backward => month.checked_add(-self.months)?,
            };
        }
        None
    }

    /// The last date of the sequence before `day`, which is after the start, and the one that follows it.
    fn walk(&self, day: Day) -> (Day, Option<Day>) {
        let recent = Day::new(i64::from(self.recent.load(Ordering::Relaxed)));
        let mut before = recent.filter(|recent| *recent < day).unwrap_or(self.start);
        let mut date = self.step(before);
        while let Some(next) = date.filter(|date| *date < day) {
            before = next;
            date = self.step(next);
        }
        self.recent.store(before.get(), Ordering::Relaxed);
        (before, date)
    }

    /// The date that follows a date in the sequence, or None after the year 9999.
    fn step(&self, from: Day) -> Option<Day> {
        let date = from.date();
        let mut month = date.month.checked_add(self.months)?;
        loop {
            if let Some(found) = month.day(date.day) {
                return Day::new(i64::from(found.get()) + i64::from(self.days));
            }
            month = month.checked_add(self.months)?;
        }
    }
}
