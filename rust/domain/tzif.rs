//! What TZif data (RFC 9636) say about a zone: explicit transitions, then the rule of the footer.
//!
//! The parser of jiff reads them; here they become changes of the offset, in seconds.

use jiff_core::tz::{posix, tzif};

use crate::civil::{DAYS_PER_400_YEARS, Month};
use crate::error::Error;

const DAY_SECONDS: i64 = 86_400;
pub(crate) const CYCLE_SECONDS: i64 = DAYS_PER_400_YEARS as i64 * DAY_SECONDS;

/// From an instant on, in UTC seconds, an offset holds, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    pub(crate) at: i64,
    pub(crate) offset: i32,
}

#[derive(Debug)]
pub(crate) struct Tzif {
    /// The first is that from the beginning of time.
    pub(crate) changes: Vec<Change>,
    /// What holds after the last of them; None: its offset stays.
    pub(crate) rule: Option<Rule>,
}

/// Two offsets that take turns every year.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    standard: i32,
    summer: i32,
    start: posix::DayTime,
    end: posix::DayTime,
}

impl Rule {
    /// The changes of a year, in order. The year may be 0 to 11 000.
    pub(crate) fn changes(&self, year: i32) -> [Change; 2] {
        let start = seconds_of(self.start, year) - i64::from(self.standard);
        let end = seconds_of(self.end, year) - i64::from(self.summer);
        let mut changes =
            [Change { at: start, offset: self.summer }, Change { at: end, offset: self.standard }];
        changes.sort_unstable();
        changes
    }
}

/// Read TZif data.
pub(crate) fn parse(data: &[u8]) -> Result<Tzif, Error> {
    let parsed = tzif::TimeZone::parse(data).map_err(|error| Error::Tzif(error.to_string()))?;
    for local in parsed.types.iter() {
        check_offset(local.offset.seconds())?;
    }
    let mut changes = Vec::with_capacity(parsed.transitions.timestamps.len());
    for (time, info) in parsed.transitions.timestamps.iter().zip(parsed.transitions.infos.iter()) {
        let Some(local) = parsed.types.get(usize::from(info.type_index)) else {
            return Err(Error::Tzif(format!("the local time type {}", info.type_index)));
        };
        changes.push(Change { at: time.as_second(), offset: local.offset.seconds() });
    }
    // The parser brings times that it cannot represent to the ends of what it can.
    let ends = [tzif::Timestamp::MIN.as_second(), tzif::Timestamp::MAX.as_second()];
    let is_out_of_order = |pair: &[Change]| {
        pair[0].at > pair[1].at || pair[0].at == pair[1].at && !ends.contains(&pair[0].at)
    };
    if changes.windows(2).any(is_out_of_order) {
        return Err(Error::Tzif("transitions that do not ascend".to_owned()));
    }
    let rule = match &parsed.posix_tz {
        None => None,
        Some(posix) => read_posix(posix, &mut changes)?,
    };
    Ok(Tzif { changes, rule })
}

/// Return the rule, or put its only offset where it says more than the explicit transitions do.
fn read_posix(tz: &posix::TimeZone, changes: &mut [Change]) -> Result<Option<Rule>, Error> {
    let standard = check_offset(tz.std_offset.seconds())?;
    let Some(dst) = &tz.dst else {
        if let [only] = changes {
            only.offset = standard;
        }
        return Ok(None);
    };
    let summer = check_offset(dst.offset.seconds())?;
    Ok(Some(Rule { standard, summer, start: dst.rule.start, end: dst.rule.end }))
}

fn check_offset(seconds: i32) -> Result<i32, Error> {
    if i64::from(seconds).abs() < DAY_SECONDS {
        Ok(seconds)
    } else {
        Err(Error::Tzif(format!("a UTC offset of {seconds} seconds")))
    }
}

/// Return the local time of a change in a year, in seconds since the wall clock read 1970-01-01T00:00:00.
fn seconds_of(change: posix::DayTime, year: i32) -> i64 {
    let new_year = Month::new(year, 1).first_day().get();
    let day = match change.date {
        // 1-365, without 29 February
        posix::Day::JulianOne(number) => {
            let leap_day = i32::from(number > 59 && crate::civil::is_leap(year));
            new_year + i32::from(number) - 1 + leap_day
        }
        // 0-365, with it
        posix::Day::JulianZero(number) => new_year + i32::from(number),
        posix::Day::WeekdayOfMonth { month, week, weekday } => {
            let month = Month::new(year, month.unsigned_abs());
            let first = month.first_day();
            let name = i32::from(weekday.to_monday_zero_offset());
            let day = (name - i32::from(first.weekday())).rem_euclid(7) + (i32::from(week) - 1) * 7;
            first.get() + if day < i32::from(month.length()) { day } else { day - 7 }
        }
    };
    i64::from(day) * DAY_SECONDS + i64::from(change.time.second)
}
