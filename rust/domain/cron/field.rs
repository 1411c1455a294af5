//! Cron fields as bit masks: bit n of a mask stands for the value n.

use crate::civil::{Day, iso_week};
use crate::error::Error;

const SATURDAY: u8 = 5;
const SUNDAY: u8 = 6;
/// Seven bits, again and again.
const EVERY_WEEK: u64 = 0x0002_0408_1020_4081;

/// Days of a month; a date matches if any part does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DaySpec {
    /// Bits 1-31.
    pub days: u64,
    /// Bit k: k days before the last day.
    pub from_end: u64,
    /// Bit d: the weekday (Monday-Friday) nearest to day d, in the same month; bit 0: the last weekday.
    pub nearest_weekday: u64,
    /// Bit weekday * 5 + (n - 1): the n-th such weekday.
    pub nth: u64,
    /// Bit weekday: the last such weekday.
    pub last_weekday: u64,
    /// Bit weekday: every such weekday.
    pub weekdays: u64,
}

/// What the wall clock must read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CronFields {
    /// Bits 0-59.
    pub second: u64,
    /// Bits 0-59.
    pub minute: u64,
    /// Bits 0-23.
    pub hour: u64,
    /// Bits 1-12.
    pub month: u64,
    /// A bit for each year, little-endian; None: any.
    pub years: Option<Vec<u8>>,
    /// ISO 8601 weeks, bits 1-53; 0: any.
    pub weeks: u64,
    /// Days of the month.
    pub day: DaySpec,
    /// Days of the week.
    pub day_of_week: DaySpec,
    /// Whether one of `day` and `day_of_week` suffices.
    pub either: bool,
}

impl CronFields {
    /// Check that no mask has bits where its field has no values.
    ///
    /// # Errors
    ///
    /// The first mask that has.
    pub fn check(&self) -> Result<(), Error> {
        check_mask(self.second, 0, 59, "second", None)?;
        check_mask(self.minute, 0, 59, "minute", None)?;
        check_mask(self.hour, 0, 23, "hour", None)?;
        check_mask(self.month, 1, 12, "month", None)?;
        check_mask(self.weeks, 0, 53, "weeks", None)?;
        for (name, spec) in [("day", &self.day), ("day_of_week", &self.day_of_week)] {
            check_mask(spec.days, 0, 31, "days", Some(name))?;
            check_mask(spec.from_end, 0, 30, "from_end", Some(name))?;
            check_mask(spec.nearest_weekday, 0, 31, "nearest_weekday", Some(name))?;
            check_mask(spec.nth, 0, 34, "nth", Some(name))?;
            check_mask(spec.last_weekday, 0, 6, "last_weekday", Some(name))?;
            check_mask(spec.weekdays, 0, 6, "weekdays", Some(name))?;
        }
        Ok(())
    }
}

fn check_mask(mask: u64, low: u32, high: u32, name: &str, of: Option<&str>) -> Result<(), Error> {
    if mask >> (high + 1) == 0 {
        return Ok(());
    }
    let field = of.map_or_else(|| name.to_owned(), |of| format!("{name} of {of}"));
    Err(Error::Mask { field, low, high, mask })
}

/// The matching days of any month: bits 1-31.
#[derive(Debug)]
pub struct MonthMasks {
    /// By the first weekday of the month, and by its length from 28 on.
    masks: [[u32; 4]; 7],
    /// Bit n: months of 28 + n days may have matching days.
    lengths: u8,
    /// ISO 8601 weeks, bits 1-53; 0: any.
    weeks: u64,
}

impl MonthMasks {
    /// The masks of checked fields.
    #[must_use]
    pub fn new(fields: &CronFields) -> MonthMasks {
        let mut masks = [[0; 4]; 7];
        let mut lengths = 0;
        for (first, by_length) in (0..).zip(&mut masks) {
            for (length, mask) in (28_u8..).zip(by_length) {
                let day = days_of(&fields.day, first, length);
                let day_of_week = days_of(&fields.day_of_week, first, length);
                *mask = if fields.either { day | day_of_week } else { day & day_of_week };
                lengths |= u8::from(*mask != 0) << (length - 28);
            }
        }
        MonthMasks { masks, lengths, weeks: fields.weeks }
    }

    /// Tell whether a month of so many days (28-31) may have matching days.
    #[inline]
    #[must_use]
    pub fn may_match(&self, length: u8) -> bool {
        self.lengths >> (length - 28) & 1 == 1
    }

    /// The matching days of the month that begins with a day and has so many (28-31).
    #[inline]
    #[must_use]
    pub fn of(&self, first_day: Day, length: u8) -> u32 {
        let mask = self.masks[usize::from(first_day.weekday())][usize::from(length - 28)];
        if self.weeks == 0 { mask } else { mask & self.days_in_weeks(first_day, length) }
    }

    fn days_in_weeks(&self, first_day: Day, length: u8) -> u32 {
        (0..length)
            .filter(|number| {
                let day = Day::new(i64::from(first_day.get()) + i64::from(*number));
                day.is_some_and(|day| self.weeks >> iso_week(day) & 1 == 1)
            })
            .fold(0, |mask, number| mask | 2 << number)
    }
}

/// Return the days that match a spec in a month that begins on a weekday.
fn days_of(spec: &DaySpec, first: u8, length: u8) -> u32 {
    // The weekdays in the order of the month, from its first day on, repeated.
    let rotated = (spec.weekdays >> first | spec.weekdays << (7 - first)) & 0x7f;
    let mut mask = spec.days | (rotated * EVERY_WEEK) << 1;
    for back in bits(spec.from_end) {
        mask |= 1 << length.saturating_sub(back);
    }
    for day in bits(spec.nearest_weekday) {
        mask |= 1 << nearest_weekday(if day == 0 { length } else { day }, first, length);
    }
    for position in bits(spec.nth) {
        mask |= 1 << (1 + (position / 5 + 7 - first) % 7 + position % 5 * 7);
    }
    for name in bits(spec.last_weekday) {
        mask |= 1 << (length - (first + length - 1 + 7 - name) % 7);
    }
    (mask & ((2 << length) - 2)) as u32
}

/// Return the Monday-Friday nearest to a day within the month, or 0 if the month has no such day.
fn nearest_weekday(day: u8, first: u8, length: u8) -> u8 {
    if day > length {
        return 0;
    }
    match (first + day - 1) % 7 {
        SATURDAY if day > 1 => day - 1,
        SATURDAY => day + 2,
        SUNDAY if day < length => day + 1,
        SUNDAY => day - 2,
        _ => day,
    }
}

/// The positions of the bits that are set, ascending.
fn bits(mut mask: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let lowest = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        u8::try_from(lowest).ok().filter(|lowest| *lowest < 64)
    })
}
