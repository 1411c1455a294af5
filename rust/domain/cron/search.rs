//! The search on the wall clock: the first and the last matching second, by bit masks, without a time zone.
//!
//! A wall second counts the seconds since the wall clock read 1970-01-01T00:00:00.

use crate::civil::{Date, Day, Month};
use crate::cron::field::{CronFields, MonthMasks};
use crate::error::Error;

const DAY_SECONDS: i64 = 86_400;
const DAY: u32 = 86_400;
const LAST_SECOND: u32 = DAY - 1;
const ALL_MONTHS: u64 = 0b1_1111_1111_1110;
/// The calendar repeats after this many years, so what they do not have never comes.
const CYCLE_YEARS: i32 = 400;
const YEARS: usize = 10_000;

/// Finds the seconds at which the wall clock reads what the fields ask for.
#[derive(Debug)]
pub struct WallSearch {
    seconds: u64,
    minutes: u64,
    hours: u32,
    months: u32,
    years: Option<Box<Years>>,
    days: MonthMasks,
    /// The first and the last matching second of a matching day, hour and minute.
    earliest: Seconds,
    latest: Seconds,
}

/// A second, counted within a day, an hour and a minute.
#[derive(Clone, Copy, Debug, Default)]
struct Seconds {
    day: u32,
    hour: u32,
    minute: u32,
}

/// A month, and its matching days: where a search is.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    month: Month,
    first: Day,
    length: u8,
    /// Bit n for the day n + 1.
    days: u32,
}

impl WallSearch {
    /// The search for fields.
    ///
    /// # Errors
    ///
    /// A mask has bits where its field has no values.
    pub fn new(fields: &CronFields) -> Result<WallSearch, Error> {
        fields.check()?;
        let mut search = WallSearch {
            seconds: fields.second,
            minutes: fields.minute,
            hours: fields.hour as u32,
            months: (fields.month & ALL_MONTHS) as u32,
            years: fields.years.as_deref().map(|years| Box::new(Years::new(years))),
            days: MonthMasks::new(fields),
            earliest: Seconds::default(),
            latest: Seconds::default(),
        };
        if search.seconds == 0 || search.minutes == 0 || search.hours == 0 {
            search.months = 0;
            return Ok(search);
        }
        search.earliest = Seconds::new(
            search.hours.trailing_zeros(),
            search.minutes.trailing_zeros(),
            search.seconds.trailing_zeros(),
        );
        search.latest =
            Seconds::new(search.hours.ilog2(), search.minutes.ilog2(), search.seconds.ilog2());
        Ok(search)
    }

    /// The first matching wall second from `wall` on, within the years 1 to 9999. `page` is left where it is.
    #[must_use]
    pub fn first(&self, wall: i64, page: &mut Page) -> Option<i64> {
        let (day, second) = match Day::new(wall.div_euclid(DAY_SECONDS)) {
            Some(day) => (day, wall.rem_euclid(DAY_SECONDS)),
            None if wall < 0 => (Day::MIN, 0),
            None => return None,
        };
        if !page.holds(day) {
            *page = self.open(day.date().month);
        }
        let second_of_month = i64::from(day.get() - page.first.get()) * DAY_SECONDS + second;
        let found = self.first_from(page, second_of_month as u32)?;
        Some(page.first_second() + i64::from(found))
    }

    /// The last matching wall second until `wall`, within the years 1 to 9999.
    #[must_use]
    pub fn last(&self, wall: i64) -> Option<i64> {
        let (day, second) = match Day::new(wall.div_euclid(DAY_SECONDS)) {
            Some(day) => (day, wall.rem_euclid(DAY_SECONDS) as u32),
            None if wall > 0 => (Day::MAX, LAST_SECOND),
            None => return None,
        };
        let Date { month, day: number } = day.date();
        let mut page = self.open(month);
        if page.days >> (number - 1) & 1 == 1
            && let Some(second) = self.time_until(second)
        {
            return Some(i64::from(day.get()) * DAY_SECONDS + i64::from(second));
        }
        page.days &= (1 << (number - 1)) - 1;
        let first_year = if self.years.is_some() { 0 } else { month.year() - CYCLE_YEARS };
        while page.days == 0 {
            page = self.open(self.previous_month(page.month)?);
            if page.month.year() < first_year {
                return None;
            }
        }
        Some(page.first_second() + i64::from(page.days.ilog2() * DAY + self.latest.day))
    }

    /// The first matching second of the month of `page` from one on, or of a later month, which is left in `page`.
    #[inline]
    #[must_use]
    pub fn first_from(&self, page: &mut Page, second_of_month: u32) -> Option<u32> {
        let (number, second) = (second_of_month / DAY, second_of_month % DAY);
        let days = page.days >> number;
        if days & 1 == 1
            && let Some(second) = self.time_from(second)
        {
            return Some(number * DAY + second);
        }
        let later = days >> 1;
        if later != 0 {
            return Some((number + 1 + later.trailing_zeros()) * DAY + self.earliest.day);
        }
        self.turn(page)?;
        Some(page.days.trailing_zeros() * DAY + self.earliest.day)
    }

    /// Turn to the next month that has matching days.
    fn turn(&self, page: &mut Page) -> Option<()> {
        let mut month = page.month;
        let last_year = if self.years.is_some() { i32::MAX } else { month.year() + CYCLE_YEARS };
        loop {
            month = self.next_month(month)?;
            if self.days.may_match(month.length()) {
                *page = self.open(month);
                if page.days != 0 {
                    return Some(());
                }
            }
            if month.year() > last_year {
                return None;
            }
        }
    }

    /// The page of a month.
    fn open(&self, month: Month) -> Page {
        let (first, length) = (month.first_day(), month.length());
        let matches = self.months >> month.number() & 1 == 1 && self.has_year(month.year());
        let days = if matches { self.days.of(first, length) >> 1 } else { 0 };
        Page { month, first, length, days }
    }

    fn has_year(&self, year: i32) -> bool {
        self.years.as_deref().is_none_or(|years| years.next(year) == Some(year))
    }

    /// The first month after one that its number and its year let match.
    fn next_month(&self, from: Month) -> Option<Month> {
        #[cfg(test)]
        tests::CONSIDERED.set(tests::CONSIDERED.get() + 1);
        let (year, number) = (from.year(), from.number());
        let later = self.months >> number >> 1;
        if later != 0 && self.has_year(year) {
            return Some(Month::new(year, number + 1 + later.trailing_zeros() as u8));
        }
        let year = match &self.years {
            Some(years) => years.next(year + 1)?,
            None => year + 1,
        };
        let first = Month::new(year, self.months.trailing_zeros() as u8);
        (self.months != 0 && first <= Month::MAX).then_some(first)
    }

    /// The last month before one that its number and its year let match.
    fn previous_month(&self, until: Month) -> Option<Month> {
        #[cfg(test)]
        tests::CONSIDERED.set(tests::CONSIDERED.get() + 1);
        let (year, number) = (until.year(), until.number());
        let earlier = self.months & ((1 << number) - 1);
        if earlier != 0 && self.has_year(year) {
            return Some(Month::new(year, earlier.ilog2() as u8));
        }
        let year = match &self.years {
            Some(years) => years.previous(year - 1)?,
            None => year - 1,
        };
        (year >= 1).then_some(())?;
        Some(Month::new(year, self.months.checked_ilog2()? as u8))
    }

    /// The first matching second of a day from `second` on.
    #[inline]
    fn time_from(&self, second: u32) -> Option<u32> {
        let (hour, minute, second_of_minute) = (second / 3600, second / 60 % 60, second % 60);
        if self.hours >> hour & 1 == 1 {
            if self.minutes >> minute & 1 == 1 {
                let seconds = self.seconds >> second_of_minute;
                if seconds != 0 {
                    return Some(second + seconds.trailing_zeros());
                }
            }
            let minutes = self.minutes >> minute >> 1;
            if minutes != 0 {
                let minute = minute + 1 + minutes.trailing_zeros();
                return Some(hour * 3600 + minute * 60 + self.earliest.minute);
            }
        }
        let hours = self.hours >> hour >> 1;
        (hours != 0).then(|| (hour + 1 + hours.trailing_zeros()) * 3600 + self.earliest.hour)
    }

    /// The last matching second of a day until `second`.
    fn time_until(&self, second: u32) -> Option<u32> {
        let (hour, minute, second_of_minute) = (second / 3600, second / 60 % 60, second % 60);
        if self.hours >> hour & 1 == 1 {
            if self.minutes >> minute & 1 == 1 {
                let seconds = self.seconds & ((2 << second_of_minute) - 1);
                if seconds != 0 {
                    return Some(second - second_of_minute + seconds.ilog2());
                }
            }
            let minutes = self.minutes & ((1 << minute) - 1);
            if minutes != 0 {
                return Some(hour * 3600 + minutes.ilog2() * 60 + self.latest.minute);
            }
        }
        let hours = self.hours & ((1 << hour) - 1);
        (hours != 0).then(|| hours.ilog2() * 3600 + self.latest.hour)
    }
}

impl Seconds {
    fn new(hour: u32, minute: u32, second: u32) -> Seconds {
        Seconds {
            day: hour * 3600 + minute * 60 + second,
            hour: minute * 60 + second,
            minute: second,
        }
    }
}

impl Page {
    /// No month at all.
    pub const NONE: Page = Page { month: Month::MAX, first: Day::MAX, length: 0, days: 0 };

    fn holds(&self, day: Day) -> bool {
        self.first <= day && day.get() - self.first.get() < i32::from(self.length)
    }

    /// The first second of the month, as a wall second.
    #[inline]
    #[must_use]
    pub fn first_second(&self) -> i64 {
        i64::from(self.first.get()) * DAY_SECONDS
    }

    /// The number of seconds of the month.
    #[inline]
    #[must_use]
    pub fn seconds(&self) -> u32 {
        u32::from(self.length) * DAY
    }
}

/// A set of the years 1 to 9999.
#[derive(Debug)]
struct Years([u64; YEARS / 64 + 1]);

impl Years {
    fn new(little_endian: &[u8]) -> Years {
        let mut years = Years([0; YEARS / 64 + 1]);
        for (number, byte) in little_endian.iter().take(YEARS / 8).enumerate() {
            years.0[number / 8] |= u64::from(*byte) << (number % 8 * 8);
        }
        years.0[0] &= !1; // there is no year 0
        years
    }

    /// The first year from `from` on.
    fn next(&self, from: i32) -> Option<i32> {
        let from = usize::try_from(from).unwrap_or(0);
        let mut word = from / 64;
        let mut years = self.0.get(word)? >> (from % 64) << (from % 64);
        while years == 0 {
            word += 1;
            years = *self.0.get(word)?;
        }
        i32::try_from(word * 64 + years.trailing_zeros() as usize).ok()
    }

    /// The last year until `until`.
    fn previous(&self, until: i32) -> Option<i32> {
        let until = usize::try_from(until).ok()?.min(YEARS - 1);
        let mut word = until / 64;
        let mut years = self.0[word] & (u64::MAX >> (63 - until % 64));
        while years == 0 {
            word = word.checked_sub(1)?;
            years = self.0[word];
        }
        i32::try_from(word * 64 + years.ilog2() as usize).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::cron::field::DaySpec;

    thread_local! {
        /// How many months have been considered.
        pub(super) static CONSIDERED: Cell<usize> = const { Cell::new(0) };
    }

    const DAYS: DaySpec =
        DaySpec { days: 0, from_end: 0, nearest_weekday: 0, nth: 0, last_weekday: 0, weekdays: 0 };
    const EVERY_DAY: DaySpec = DaySpec { days: (1 << 32) - 2, ..DAYS };

    fn noon(month: u64, day: DaySpec, day_of_week: DaySpec, weeks: u64) -> WallSearch {
        let fields = CronFields {
            second: 1,
            minute: 1,
            hour: 1 << 12,
            month,
            years: None,
            weeks,
            day,
            day_of_week,
            either: false,
        };
        WallSearch::new(&fields).expect("the masks fit")
    }

    /// Return how many months are considered to find nothing from and until the middle of a year.
    fn considered_in_vain(search: &WallSearch, year: i32) -> usize {
        let wall = i64::from(Month::new(year, 6).first_day().get()) * DAY_SECONDS;
        CONSIDERED.set(0);
        assert_eq!(search.first(wall, &mut Page::NONE.clone()), None);
        assert_eq!(search.last(wall), None);
        CONSIDERED.get()
    }

    #[test]
    fn what_never_comes_is_given_up_after_one_cycle_of_the_calendar() {
        let month = |number: u32| 1 << number;
        let day = |number: u32| DaySpec { days: 1 << number, ..DAYS };
        let never = [
            noon(month(2), day(30), EVERY_DAY, 0),
            noon(month(2) | month(4) | month(6), day(31), EVERY_DAY, 0),
            noon(month(6), EVERY_DAY, EVERY_DAY, 1 << 53), // the last week of the year in June
            noon(month(2), day(29), DaySpec { nth: 1 << 3, ..DAYS }, 0), // a fourth Monday
        ];
        for search in &never {
            let months = search.months.count_ones() as usize;
            for year in [1, 1970, 2025, 9990] {
                // both ways, and the months at the ends
                assert!(considered_in_vain(search, year) <= 2 * (400 + 2) * months, "{search:?}");
            }
        }
    }

    #[test]
    fn what_comes_is_found_after_no_more_months_than_pass() {
        let mut longest = 0;
        // the 29th of February on a Sunday
        let search = noon(
            1 << 2,
            DaySpec { days: 1 << 29, ..DAYS },
            DaySpec { weekdays: 1 << 6, ..DAYS },
            0,
        );
        for year in 1970..2370 {
            let wall = i64::from(Month::new(year, 3).first_day().get()) * DAY_SECONDS;
            CONSIDERED.set(0);
            assert!(search.first(wall, &mut Page::NONE.clone()).is_some());
            longest = longest.max(CONSIDERED.get());
        }
        assert!(
            (10..=40 + 2).contains(&longest),
            "every 28 years, and 40 where one of these is not a leap year: {longest}"
        );
    }
}
