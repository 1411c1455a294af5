//! The proleptic Gregorian calendar on integers: days since 1970-01-01, months, weekdays (Monday is 0).

/// From 0000-03-01, where a computational calendar begins well, to 1970-01-01.
const DAYS_TO_1970: i32 = 719_468;

/// The Gregorian calendar repeats after so many days, which are whole weeks.
pub(crate) const DAYS_PER_400_YEARS: i32 = 146_097;

/// The days of a year before each month (1-12), and of the whole year (13); of a leap year in the second row.
const DAYS_BEFORE: [[u16; 14]; 2] = [
    [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365],
    [0, 0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366],
];

/// A date, as days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

/// A date in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The month and its year.
    pub month: Month,
    /// 1-31.
    pub day: u8,
}

/// A month of a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i32,
    number: u8,
}

impl Day {
    /// 0001-01-01
    pub const MIN: Day = Day(-719_162);
    /// 9999-12-31
    pub const MAX: Day = Day(2_932_896);

    /// A day that many days after 1970-01-01, or None outside of the years 1 to 9999.
    #[must_use]
    pub fn new(days: i64) -> Option<Day> {
        let day = Day(i32::try_from(days).ok()?);
        (Day::MIN..=Day::MAX).contains(&day).then_some(day)
    }

    /// The day of `date.toordinal()`, which counts from 0001-01-01 as 1.
    #[must_use]
    pub fn from_ordinal(ordinal: i64) -> Option<Day> {
        Day::new(ordinal.checked_add(i64::from(Day::MIN.0) - 1)?)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// The day before.
    #[must_use]
    pub const fn before(self) -> Day {
        Day(self.0 - 1)
    }

    /// The day after.
    #[must_use]
    pub const fn after(self) -> Day {
        Day(self.0 + 1)
    }

    /// The weekday: 1970-01-01 was a Thursday.
    #[must_use]
    pub fn weekday(self) -> u8 {
        // Days::MIN was a Monday, and the difference is not negative.
        ((self.0 - Day::MIN.0).unsigned_abs() % 7) as u8
    }

    /// The date in parts, by the method of Neri and Schneider (Euclidean affine functions).
    #[inline]
    #[must_use]
    pub fn date(self) -> Date {
        let days = (self.0 + DAYS_TO_1970).unsigned_abs();
        let quarters = 4 * days + 3;
        let century = quarters / 146_097;
        let quarters = (quarters % 146_097) | 3;
        let product = 2_939_745 * u64::from(quarters);
        let year = 100 * century + (product >> 32) as u32;
        let day_of_year = (product as u32) / 2_939_745 / 4;
        let shifted = 2141 * day_of_year + 197_913;
        let month = shifted >> 16;
        let day = (shifted & 0xffff) / 2141 + 1;
        // `month` counts from March as 3 to February as 14.
        let (year, number) = if month > 12 { (year + 1, month - 12) } else { (year, month) };
        Date { month: Month { year: year as i32, number: number as u8 }, day: day as u8 }
    }
}

impl Month {
    /// The last month of the year 9999.
    pub const MAX: Month = Month { year: 9999, number: 12 };

    /// A month of a year by its number (1-12).
    #[must_use]
    pub const fn new(year: i32, number: u8) -> Month {
        Month { year, number }
    }

    /// The month so many months later, or None outside of the years 1 to 9999.
    #[must_use]
    pub fn checked_add(self, months: i32) -> Option<Month> {
        let index = self.index().checked_add(months)?;
        let month = Month { year: index.div_euclid(12), number: (index.rem_euclid(12) + 1) as u8 };
        (1..=9999).contains(&month.year).then_some(month)
    }

    /// Months since the January of the year 0.
    #[must_use]
    pub const fn index(self) -> i32 {
        self.year * 12 + self.number as i32 - 1
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> i32 {
        self.year
    }

    /// The number within the year, 1-12.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.number
    }

    /// The number of days.
    #[inline]
    #[must_use]
    pub const fn length(self) -> u8 {
        let before = &DAYS_BEFORE[is_leap(self.year) as usize];
        let number = self.number as usize;
        (before[number + 1] - before[number]) as u8
    }

    /// The first day. The year may be 0 to 12 000.
    #[inline]
    #[must_use]
    pub const fn first_day(self) -> Day {
        // 400 years later, so that nothing is negative.
        let past = (self.year + 399).unsigned_abs();
        let centuries = past / 100;
        let before_year = 365 * past + past / 4 - centuries + centuries / 4;
        let before_month = DAYS_BEFORE[is_leap(self.year) as usize][self.number as usize];
        Day(before_year as i32 + before_month as i32 + Day::MIN.0 - DAYS_PER_400_YEARS)
    }

    /// The day of a number (1-31), or None if the month has no such day.
    #[must_use]
    pub fn day(self, number: u8) -> Option<Day> {
        (number <= self.length()).then(|| Day(self.first_day().0 + i32::from(number) - 1))
    }
}

/// Tell whether a year has a 29th of February.
#[must_use]
pub const fn is_leap(year: i32) -> bool {
    // Of the multiples of 4 and 100, those of 25 and 16 are those of 400.
    if year % 25 == 0 { year % 16 == 0 } else { year % 4 == 0 }
}

/// Return the ISO 8601 week (1-53) of a date.
#[must_use]
pub fn iso_week(day: Day) -> u8 {
    // A week belongs to the year that has its Thursday.
    let thursday = Day(day.0 + 3 - i32::from(day.weekday()));
    let new_year = Month::new(thursday.date().month.year(), 1).first_day();
    ((thursday.0 - new_year.0) / 7 + 1) as u8
}
