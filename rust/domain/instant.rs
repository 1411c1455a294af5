//! Instants, and readings of a wall clock: both in microseconds since 1970-01-01T00:00:00, never mixed.

use crate::civil::Day;

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;
/// Microseconds in a day.
pub const DAY: i64 = 86_400 * SECOND;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(i64);

/// A reading of a wall clock: microseconds since it read 1970-01-01T00:00:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(i64);

/// What a wall clock is ahead of UTC, in microseconds; less than a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i64);

impl Micros {
    /// 0001-01-01T00:00:00Z
    pub const MIN: Micros = Micros(-62_135_596_800 * SECOND);
    /// 9999-12-31T23:59:59.999999Z
    pub const MAX: Micros = Micros(253_402_300_799 * SECOND + 999_999);
    /// Earlier than all that exist.
    pub const BEFORE_ALL: Micros = Micros(Micros::MIN.0 - 1);
    /// Later than all that exist.
    pub const AFTER_ALL: Micros = Micros(Micros::MAX.0 + 1);

    /// The instant, or the nearest of `BEFORE_ALL` and `AFTER_ALL`.
    #[must_use]
    pub fn clamped(micros: i64) -> Micros {
        Micros(micros.clamp(Micros::BEFORE_ALL.0, Micros::AFTER_ALL.0))
    }

    /// The instant, or None outside of the years 1 to 9999.
    #[must_use]
    pub fn new(micros: i64) -> Option<Micros> {
        (Micros::MIN.0..=Micros::MAX.0).contains(&micros).then_some(Micros(micros))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The instant so much later (or earlier), clamped as by `clamped`.
    #[must_use]
    pub fn saturating_add(self, micros: i64) -> Micros {
        Micros::clamped(self.0.saturating_add(micros))
    }

    /// The time from `earlier` to this instant.
    #[must_use]
    pub const fn since(self, earlier: Micros) -> i64 {
        self.0 - earlier.0
    }

    /// What the wall clock reads.
    #[inline]
    #[must_use]
    pub const fn wall(self, offset: Offset) -> Wall {
        Wall(self.0 + offset.0)
    }
}

impl Wall {
    /// The reading at a time of a day.
    #[must_use]
    pub fn new(day: Day, time_of_day_micros: i64) -> Wall {
        Wall(i64::from(day.get()) * DAY + time_of_day_micros)
    }

    /// The reading at a whole second.
    #[inline]
    #[must_use]
    pub const fn from_second(second: i64) -> Wall {
        Wall(second * SECOND)
    }

    /// The instant of this reading.
    #[inline]
    #[must_use]
    pub const fn at(self, offset: Offset) -> Micros {
        Micros(self.0 - offset.0)
    }

    /// Microseconds since the clock read 1970-01-01T00:00:00.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The first whole second that is not earlier.
    #[inline]
    #[must_use]
    pub const fn second_from(self) -> i64 {
        (self.0 + (SECOND - 1)).div_euclid(SECOND)
    }

    /// The last whole second that is not later.
    #[inline]
    #[must_use]
    pub const fn second_until(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The number of the day since 1970-01-01, which may lie outside of the years 1 to 9999.
    #[must_use]
    pub const fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// Microseconds since midnight.
    #[must_use]
    pub const fn time_of_day(self) -> i64 {
        self.0.rem_euclid(DAY)
    }
}

impl Offset {
    /// That of UTC.
    pub const ZERO: Offset = Offset(0);

    /// An offset in microseconds, or None if it is a day or more.
    #[must_use]
    pub fn new(micros: i64) -> Option<Offset> {
        (micros > -DAY && micros < DAY).then_some(Offset(micros))
    }

    /// The offset in microseconds.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}
