//! Time zones: spans of constant UTC offset, which tile the years 1 to 9999.

use crate::civil::Day;
use crate::error::Error;
use crate::instant::{DAY, Micros, Offset, SECOND, Wall};
use crate::tzif::{self, CYCLE_SECONDS, Change};

const CYCLE: i64 = CYCLE_SECONDS * SECOND;
/// Buckets of 102 days from 1970 on, to the year 2400 and more; what is outside of them is found by bisection.
const BUCKET_BITS: u32 = 43;
const BUCKETS: usize = 1600;

/// A period of constant offset, and the offsets of its neighbours (its own where it has none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub start: Micros,
    /// The first instant after.
    pub end: Micros,
    /// What the wall clock is ahead of UTC.
    pub offset: Offset,
    /// The same before the span.
    pub before: Offset,
    /// The same after the span.
    pub after: Offset,
}

/// The spans of a time zone.
#[derive(Debug)]
pub struct Zone {
    spans: Spans,
    first: Micros,
    last: Micros,
}

#[derive(Debug)]
enum Spans {
    Fixed(Span),
    Table(Table),
}

impl Span {
    /// The end of the second pass of an overlap: until here the wall clock reads what it has read before.
    #[inline]
    #[must_use]
    pub fn fold_end(&self) -> Micros {
        let repeated = self.before.get() - self.offset.get();
        if repeated > 0 {
            self.end.min(Micros::clamped(self.start.get() + repeated))
        } else {
            self.start
        }
    }

    fn holds(&self, at: Micros) -> bool {
        self.start <= at && at < self.end
    }
}

impl Zone {
    /// The zone that TZif data describe.
    ///
    /// # Errors
    ///
    /// The data are malformed, or have an offset of a day or more.
    pub fn from_tzif(data: &[u8]) -> Result<Zone, Error> {
        Ok(Zone::new(Spans::Table(Table::new(&tzif::parse(data)?))))
    }

    /// The zone that is always so much ahead of UTC.
    ///
    /// # Errors
    ///
    /// The offset is a day or more.
    pub fn fixed(offset_micros: i64) -> Result<Zone, Error> {
        let offset = Offset::new(offset_micros).ok_or(Error::Offset(offset_micros))?;
        let (start, end) = (Micros::MIN, Micros::AFTER_ALL);
        Ok(Zone::new(Spans::Fixed(Span { start, end, offset, before: offset, after: offset })))
    }

    fn new(spans: Spans) -> Zone {
        let mut zone = Zone { spans, first: Micros::MIN, last: Micros::MAX };
        let first_offset = zone.span(Micros::MIN).offset.get();
        let last_offset = zone.span(Micros::MAX).offset.get();
        zone.first = Micros::MIN.saturating_add(-first_offset.min(0));
        zone.last = Micros::MAX.saturating_add(-last_offset.max(0));
        zone
    }

    /// The first instant whose wall time is within the years 1 to 9999.
    #[must_use]
    pub const fn first(&self) -> Micros {
        self.first
    }

    /// The last instant whose wall time is within the years 1 to 9999.
    #[must_use]
    pub const fn last(&self) -> Micros {
        self.last
    }

    /// The span that holds an instant; the first or the last one if it is outside of the years 1 to 9999.
    #[inline]
    #[must_use]
    pub fn span(&self, at: Micros) -> Span {
        match &self.spans {
            Spans::Fixed(span) => *span,
            Spans::Table(table) => table.span(at),
        }
    }

    /// What the wall clock reads, and whether it has read that before (the `fold`).
    #[inline]
    #[must_use]
    pub fn wall(&self, at: Micros) -> (Wall, bool) {
        let span = self.span(at);
        (at.wall(span.offset), at < span.fold_end())
    }

    /// The instant of a wall time by the rule of PEP 495, which also says what one in a gap means.
    #[must_use]
    pub fn instant(&self, wall: Wall, fold: bool) -> Micros {
        let mut span = self.span(Micros::clamped(wall.get() - DAY));
        while span.end <= Micros::MAX {
            let (low, high) = (span.offset.min(span.after), span.offset.max(span.after));
            if wall < span.end.wall(if fold { low } else { high }) {
                break;
            }
            span = self.span(span.end);
        }
        wall.at(span.offset)
    }

    /// The first instant at which the wall clock reads something, or None if it never does.
    #[must_use]
    pub fn first_pass(&self, wall: Wall) -> Option<Micros> {
        let mut span = self.span(Micros::clamped(wall.get() - DAY));
        loop {
            let at = wall.at(span.offset);
            if span.holds(at) {
                return Some(at);
            }
            if span.end > Micros::MAX || span.end.get() > wall.get() + DAY {
                return None;
            }
            span = self.span(span.end);
        }
    }
}

/// Spans in a table, the last 400 years of which repeat for ever where a rule says so.
#[derive(Debug)]
struct Table {
    starts: Box<[Micros]>,
    offsets: Box<[Offset]>,
    /// For the begin of each bucket the position of the span that holds it.
    index: Box<[u32]>,
    /// From here on spans are those of 400 years before or after.
    cycle_start: Option<Micros>,
}

impl Table {
    fn new(tzif: &tzif::Tzif) -> Table {
        let mut changes = tzif.changes.clone();
        let mut cycle_start = None;
        if let (Some(rule), Some(last)) = (tzif.rule, changes.last().copied()) {
            let year = year_of(last.at);
            // A year around each end, as a rule's wall times may lie in another year of UTC; years are counted 400
            // years later, so that none is negative.
            let mut ruled: Vec<Change> = (year - 1..=year + 403)
                .flat_map(|year| rule.changes(year + 400))
                .map(|change| Change { at: change.at - CYCLE_SECONDS, ..change })
                .filter(|change| change.at > last.at)
                .collect();
            ruled.sort_by_key(|change| change.at);
            changes.extend(ruled);
            cycle_start = Some(new_year(year + 3));
        }
        let (starts, offsets) = merge(&changes);
        // A rule that changes nothing makes no span.
        let cycle_start =
            cycle_start.filter(|cycle| starts.last().is_some_and(|start| start > cycle));
        let mut table = Table { starts, offsets, index: Box::default(), cycle_start };
        table.index = (0..=BUCKETS)
            .map(|bucket| {
                table.bisect(Micros::clamped((bucket as i64) << BUCKET_BITS), 0, table.starts.len())
                    as u32
            })
            .collect();
        table
    }

    #[inline]
    fn span(&self, at: Micros) -> Span {
        let shift = match self.cycle_start {
            Some(cycle_start) if at.get() >= cycle_start.get() + CYCLE => {
                at.since(cycle_start).div_euclid(CYCLE) * CYCLE
            }
            _ => 0,
        };
        let at = at.saturating_add(-shift);
        let position = self.position(at);
        let offset = self.offsets[position];
        let start = self.starts[position].saturating_add(shift);
        let before = if position == 0 { offset } else { self.offsets[position - 1] };
        let (end, after) = match self.starts.get(position + 1) {
            Some(next) => (next.saturating_add(shift), self.offsets[position + 1]),
            None => (Micros::AFTER_ALL, offset),
        };
        let after = if end == Micros::AFTER_ALL { offset } else { after };
        Span { start, end, offset, before, after }
    }

    #[inline]
    fn position(&self, at: Micros) -> usize {
        match usize::try_from(at.get() >> BUCKET_BITS) {
            Ok(bucket) if bucket < BUCKETS => {
                let (low, high) = (self.index[bucket] as usize, self.index[bucket + 1] as usize);
                if low == high { low } else { self.bisect(at, low, high + 1) }
            }
            _ => self.bisect(at, 0, self.starts.len()),
        }
    }

    /// The position of the last span that does not start later, from `low` to before `high`; at least `low`.
    fn bisect(&self, at: Micros, low: usize, high: usize) -> usize {
        low + self.starts[low..high].partition_point(|start| *start <= at).saturating_sub(1)
    }
}

fn new_year(year: i32) -> Micros {
    let day = crate::civil::Month::new(year, 1).first_day();
    Micros::clamped(i64::from(day.get()) * DAY)
}

fn year_of(second: i64) -> i32 {
    let micros = Micros::clamped(second.saturating_mul(SECOND)).clamp(Micros::MIN, Micros::MAX);
    let day = Day::new(micros.get().div_euclid(DAY)).unwrap_or(Day::MIN);
    day.date().month.year()
}

/// Return starts and offsets, one for each change that is one, within the years 1 to 9999.
fn merge(changes: &[Change]) -> (Box<[Micros]>, Box<[Offset]>) {
    let mut starts: Vec<Micros> = Vec::with_capacity(changes.len());
    let mut offsets: Vec<Offset> = Vec::with_capacity(changes.len());
    for change in changes {
        let start = Micros::clamped(change.at.saturating_mul(SECOND)).max(Micros::MIN);
        let offset = Offset::new(i64::from(change.offset) * SECOND).unwrap_or(Offset::ZERO);
        if start > Micros::MAX {
            break;
        }
        if starts.last() == Some(&start) {
            starts.pop();
            offsets.pop();
        }
        if offsets.last() != Some(&offset) {
            starts.push(start);
            offsets.push(offset);
        }
    }
    (starts.into(), offsets.into())
}
