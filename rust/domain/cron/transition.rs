//! Cron in a time zone: the wall clock's search within spans of constant offset, and the rules at their edges.

use std::sync::Arc;

use crate::cron::field::CronFields;
use crate::cron::search::{Page, WallSearch};
use crate::error::Error;
use crate::instant::{DAY, Micros, Offset, SECOND, Wall};
use crate::zone::{Span, Zone};

/// What to do with wall times that match and that the zone skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Nothing.
    Skip,
    /// Fire at the instant where the gap ends, once.
    ShiftToGapEnd,
}

/// Which pass of wall times that the zone repeats fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// The first.
    First,
    /// The second.
    Second,
    /// Both.
    Both,
}

impl Gap {
    /// The policy of a number.
    ///
    /// # Errors
    ///
    /// There is no such policy.
    pub fn new(number: i64) -> Result<Gap, Error> {
        match number {
            0 => Ok(Gap::Skip),
            1 => Ok(Gap::ShiftToGapEnd),
            _ => Err(Error::Gap(number)),
        }
    }
}

impl Overlap {
    /// The policy of a number.
    ///
    /// # Errors
    ///
    /// There is no such policy.
    pub fn new(number: i64) -> Result<Overlap, Error> {
        match number {
            0 => Ok(Overlap::First),
            1 => Ok(Overlap::Second),
            2 => Ok(Overlap::Both),
            _ => Err(Error::Overlap(number)),
        }
    }
}

/// The instants at which a zone's wall clock matches cron fields.
#[derive(Debug)]
pub struct CronSeries {
    zone: Arc<Zone>,
    search: WallSearch,
    start: Micros,
    end: Micros,
    gap: Gap,
    overlap: Overlap,
}

/// Where a series was last, so that the next question is answered from there. It never changes an answer.
#[derive(Clone, Copy, Debug)]
pub struct Memo {
    /// Within these instants one offset holds, and no rule for transitions matters.
    from: Micros,
    until: Micros,
    offset: Offset,
    page: Page,
}

/// What is known of a search that is repeated span by span: no wall second between `searched` and `found` matches.
#[derive(Clone, Copy)]
struct Known {
    searched: i64,
    found: Option<i64>,
}

impl Known {
    /// From where on something can fire, given that nothing does before `low`: once every wall time to come is past
    /// `searched`, nothing does until a wall clock can read `found`. None if nothing ever does.
    #[inline]
    fn pass(self, low: Micros) -> Option<Micros> {
        if low.get() < self.searched * SECOND + DAY {
            return Some(low);
        }
        Some(low.max(Micros::clamped(self.found? * SECOND - DAY)))
    }
}

impl Memo {
    /// That of a series that has not been asked.
    pub const NONE: Memo = Memo {
        from: Micros::AFTER_ALL,
        until: Micros::MIN,
        offset: Offset::ZERO,
        page: Page::NONE,
    };

    /// What the wall clock reads from an instant on, as a second of the month of the page, if both are known.
    #[inline]
    fn second_of_page(&self, low: Micros) -> Option<u32> {
        if low < self.from || low >= self.until {
            return None;
        }
        let since = low.since(Wall::from_second(self.page.first_second()).at(self.offset));
        let second = u64::try_from(since).ok()?.div_ceil(SECOND as u64);
        (second < u64::from(self.page.seconds())).then_some(second as u32)
    }

    /// The instant at which the wall clock reads a second of the month of the page.
    #[inline]
    fn instant(&self, second: u32) -> Micros {
        Wall::from_second(self.page.first_second() + i64::from(second)).at(self.offset)
    }

    /// The offset at an instant, if it is known that its wall time has not been read before.
    #[inline]
    pub(crate) fn offset_at(&self, at: Micros) -> Option<Offset> {
        (self.from <= at && at < self.until).then_some(self.offset)
    }
}

impl CronSeries {
    /// Those from `start` to `end`, both inclusive.
    ///
    /// # Errors
    ///
    /// A mask has bits where its field has no values.
    pub fn new(
        zone: Arc<Zone>,
        fields: &CronFields,
        start: Micros,
        end: Option<Micros>,
        gap: Gap,
        overlap: Overlap,
    ) -> Result<CronSeries, Error> {
        let search = WallSearch::new(fields)?;
        let start = start.max(zone.first());
        let end = end.unwrap_or(zone.last()).min(zone.last());
        Ok(CronSeries { zone, search, start, end, gap, overlap })
    }

    /// The first fire time later than `after`.
    #[inline]
    #[must_use]
    pub fn first_after(&self, after: Micros, memo: &mut Memo) -> Option<Micros> {
        let (at, _) = self.first(after.saturating_add(1).max(self.start), memo)?;
        (at <= self.end).then_some(at)
    }

    /// Visit at most `limit` fire times later than `after` and earlier than `before`, and return the last of them.
    #[inline]
    pub fn visit(
        &self,
        after: Micros,
        before: Micros,
        limit: usize,
        memo: &mut Memo,
        mut visit: impl FnMut(Micros),
    ) -> Option<Micros> {
        let mut last = None;
        let mut fired = None;
        for _ in 0..limit {
            let found = if let Some(second) = fired {
                self.first_in_month(second + 1, memo)
            } else {
                let after = last.unwrap_or(after);
                self.first(after.saturating_add(1).max(self.start), memo)
            };
            match found {
                Some((at, second)) if at < before && at <= self.end => {
                    visit(*last.insert(at));
                    fired = second.or_else(|| memo.second_of_page(at));
                }
                _ => break,
            }
        }
        last
    }

    /// The first fire time from `low` on, whenever the series ends, and what `first_in_month` says beside it.
    #[inline]
    fn first(&self, low: Micros, memo: &mut Memo) -> Option<(Micros, Option<u32>)> {
        match memo.second_of_page(low) {
            Some(second) => self.first_in_month(second, memo),
            None => Some((self.first_over_spans(low, None, memo)?, None)),
        }
    }

    /// The first fire time from a second of the month of the memo's page on, and which second of it that then is, if it
    /// is within the memo.
    #[inline]
    fn first_in_month(&self, second: u32, memo: &mut Memo) -> Option<(Micros, Option<u32>)> {
        let searched = memo.page.first_second() + i64::from(second);
        let found = self.search.first_from(&mut memo.page, second);
        if let Some(second) = found {
            let at = memo.instant(second);
            if at < memo.until {
                return Some((at, found));
            }
        }
        let found = found.map(|second| memo.page.first_second() + i64::from(second));
        let known = Known { searched, found };
        Some((self.first_over_spans(known.pass(memo.until)?, Some(known), memo)?, None))
    }

    /// The first fire time from `low` on, span by span.
    fn first_over_spans(
        &self,
        mut low: Micros,
        mut known: Option<Known>,
        memo: &mut Memo,
    ) -> Option<Micros> {
        while low <= self.end {
            let span = self.zone.span(low);
            if low == span.start && self.fires_at_gap_end(&span) {
                return Some(low);
            }
            let wall = self.first_pass(&span, low).wall(span.offset).second_from();
            let now_known = match known {
                Some(known)
                    if known.searched <= wall && known.found.is_none_or(|found| wall <= found) =>
                {
                    known
                }
                _ => Known { searched: wall, found: self.search.first(wall, &mut memo.page) },
            };
            known = Some(now_known);
            if let Some(second) = now_known.found {
                let at = Wall::from_second(second).at(span.offset);
                if at < self.last_pass(&span) {
                    // The first instant after a gap may fire for what it swallowed.
                    memo.from = span.fold_end().max(span.start.saturating_add(1));
                    memo.until = self.last_pass(&span);
                    memo.offset = span.offset;
                    return Some(at);
                }
            }
            low = now_known.pass(span.end)?;
        }
        None
    }

    /// The last fire time until `at`.
    #[must_use]
    pub fn last_at_or_before(&self, at: Micros) -> Option<Micros> {
        let mut high = at.min(self.end);
        let mut known: Option<Known> = None;
        while high >= self.start {
            let span = self.zone.span(high);
            let last = high.min(self.last_pass(&span).saturating_add(-1));
            let wall = last.wall(span.offset).second_until();
            let Known { searched, found } = match known {
                Some(known)
                    if known.searched >= wall && known.found.is_none_or(|found| wall >= found) =>
                {
                    known
                }
                _ => Known { searched: wall, found: self.search.last(wall) },
            };
            known = Some(Known { searched, found });
            if let Some(second) = found {
                let at = Wall::from_second(second).at(span.offset);
                if at >= self.first_pass(&span, span.start) {
                    return (at >= self.start).then_some(at);
                }
            }
            if span.start >= self.start && self.fires_at_gap_end(&span) {
                return Some(span.start);
            }
            high = span.start.saturating_add(-1);
            if high.get() <= searched * SECOND - DAY {
                high = high.min(Micros::clamped(found? * SECOND + DAY));
            }
        }
        None
    }

    /// The first instant of a span from `low` on that the policy lets fire.
    fn first_pass(&self, span: &Span, low: Micros) -> Micros {
        if self.overlap == Overlap::First { low.max(span.fold_end()) } else { low }
    }

    /// The first instant after those of a span that the policy lets fire.
    #[inline]
    fn last_pass(&self, span: &Span) -> Micros {
        let repeated = span.offset.get() - span.after.get();
        if self.overlap == Overlap::Second && repeated > 0 {
            return span.end.saturating_add(-repeated);
        }
        span.end
    }

    /// Tell whether the start of a span fires because the gap before it, if there is one, swallowed a match.
    fn fires_at_gap_end(&self, span: &Span) -> bool {
        if self.gap == Gap::Skip || span.before >= span.offset {
            return false;
        }
        let found =
            self.search.first(span.start.wall(span.before).second_from(), &mut Page::NONE.clone());
        found.is_some_and(|second| Wall::from_second(second) < span.start.wall(span.offset))
    }
}
