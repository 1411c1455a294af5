//! Whatever it is given, the core answers or refuses: it does not panic, hang, or allocate out of proportion.

mod given;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use rota_domain::calendarinterval::CalendarIntervalSeries;
use rota_domain::civil::Day;
use rota_domain::coalesce::Policy;
use rota_domain::cron::field::{CronFields, DaySpec};
use rota_domain::cron::transition::{CronSeries, Gap, Overlap};
use rota_domain::instant::{Micros, Wall};
use rota_domain::plan::Plan;
use rota_domain::series::State;
use rota_domain::zone::Zone;

use crate::given::{
    combinations, cron_plans, damaged_tzif, instants, nested_meetings, numbers, odd_footer, states,
    unions,
};

/// What a zone may take beside its data: the changes of 400 years of a rule, twice in passing, and the index.
const ZONE_BYTES: usize = 256 * 1024;
/// What one transition of the data may take, in passing.
const BYTES_PER_DATA_BYTE: usize = 64;
/// An answer takes at most so many bytes; a fire time has a state, and a meeting asks its children.
const ANSWER_BYTES: usize = 64 * 1024;

/// Counts what this thread allocates.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is left to the allocator of the system; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATED.try_with(|allocated| {
            allocated.set(allocated.get().saturating_add(layout.size()));
        });
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Return what a call returns, and how many bytes it has allocated.
fn allocated<T>(call: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.get();
    let result = call();
    (result, ALLOCATED.get() - before)
}

/// Check that spans tile the time around instants, and that wall times lead back to them.
fn check_zone(zone: &Zone, instants: &[Micros]) -> Result<(), TestCaseError> {
    for at in instants.iter().map(|at| (*at).clamp(Micros::MIN, Micros::MAX)) {
        let span = zone.span(at);
        prop_assert!(span.start <= at && at < span.end, "{span:?} must hold {at:?}");
        prop_assert!(span.offset.get().abs() < 86_400_000_000);
        let (wall, fold) = zone.wall(at);
        prop_assert_eq!(wall, at.wall(span.offset));
        if let Some(day) = Day::new(wall.day()) {
            let again = zone.instant(wall, fold);
            prop_assert_eq!(zone.wall(again).0, wall);
            prop_assert!(zone.first_pass(Wall::new(day, wall.time_of_day())).is_some());
        }
    }
    prop_assert!(zone.first() >= Micros::MIN && zone.last() <= Micros::MAX);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn zones_from_damaged_files_tile_time_or_are_refused(
        data in prop_oneof![damaged_tzif(), odd_footer()],
        at in vec(instants(), 8),
    ) {
        let (zone, bytes) = allocated(|| Zone::from_tzif(&data));
        prop_assert!(bytes < ZONE_BYTES + BYTES_PER_DATA_BYTE * data.len(), "{bytes} bytes");
        if let Ok(zone) = zone {
            check_zone(&zone, &at)?;
        }
    }

    #[test]
    fn zones_from_any_bytes_tile_time_or_are_refused(
        magic in any::<bool>(),
        rest in vec(any::<u8>(), 0..400),
        at in vec(instants(), 4),
    ) {
        let mut data = if magic { b"TZif2".to_vec() } else { Vec::new() };
        data.extend(rest);
        let (zone, bytes) = allocated(|| Zone::from_tzif(&data));
        prop_assert!(bytes < ZONE_BYTES + BYTES_PER_DATA_BYTE * data.len(), "{bytes} bytes");
        if let Ok(zone) = zone {
            check_zone(&zone, &at)?;
        }
    }

    #[test]
    fn fields_of_any_masks_are_searched_or_refused(
        masks in (any::<[u64; 5]>(), any::<[u64; 6]>(), any::<[u64; 6]>()),
        few in any::<bool>(),
        after in instants(),
    ) {
        let (times, day, day_of_week) = masks;
        let shift = if few { 56 } else { 0 };
        let spec = |masks: [u64; 6]| DaySpec {
            days: masks[0] >> shift,
            from_end: masks[1] >> shift,
            nearest_weekday: masks[2] >> shift,
            nth: masks[3] >> shift,
            last_weekday: masks[4] >> shift,
            weekdays: masks[5] >> shift,
        };
        let fields = CronFields {
            second: times[0] >> shift,
            minute: times[1] >> shift,
            hour: times[2] >> shift,
            month: times[3] >> shift,
            years: None,
            weeks: times[4] >> shift,
            day: spec(day),
            day_of_week: spec(day_of_week),
            either: few,
        };
        let zone = Arc::new(Zone::fixed(0).expect("it is UTC"));
        let made =
            CronSeries::new(Arc::clone(&zone), &fields, Micros::MIN, None, Gap::Skip, Overlap::Both);
        if let Ok(series) = made {
            let found = Plan::cron(zone, series).first_after(after).expect("it is no meeting");
            prop_assert!(found.is_none_or(|found| found > after));
        }
    }

    #[test]
    fn plans_of_any_numbers_are_made_or_refused(
        numbers in (numbers(), numbers(), numbers(), numbers(), numbers()),
        at in instants(),
    ) {
        let (start, end, months, days, time) = numbers;
        let zone = Arc::new(Zone::fixed(0).expect("it is UTC"));
        prop_assert_eq!(Zone::fixed(start).is_ok(), start.unsigned_abs() < 86_400_000_000);
        let made = CalendarIntervalSeries::new(
            Arc::clone(&zone), start, Some(end), months, days, time,
        );
        if let Ok(series) = made {
            prop_assert!(series.first_after(at).is_none_or(|found| found > at));
            prop_assert!(series.last_at_or_before(at).is_none_or(|found| found <= at));
        }
        let moment = Micros::clamped(end);
        prop_assert_eq!(Plan::interval(Arc::clone(&zone), moment, start, None).is_ok(), start > 0);
        let child = Plan::date(zone, at);
        let is_meeting = Plan::all_of(&[&child], start, end).is_ok();
        prop_assert_eq!(is_meeting, start >= 0 && end > 0);
    }

    #[test]
    fn plans_answer_from_any_state_and_only_go_on(
        plan in prop_oneof![unions(), combinations()],
        state in states(),
    ) {
        let mut memos = plan.memos();
        let (next, bytes) = allocated(|| plan.next(&state, &mut memos));
        prop_assert!(bytes < ANSWER_BYTES, "{bytes} bytes");
        if let Ok(Some(fire)) = next {
            prop_assert!((Micros::MIN..=Micros::MAX).contains(&fire.at));
            prop_assert!(plan.wall(fire.leaf, fire.at, &memos).is_some());
            if let Ok(Some(following)) = plan.next(&fire.state, &mut memos) {
                prop_assert!(following.at > fire.at, "{following:?} must follow {fire:?}");
            }
        }
    }

    #[test]
    fn what_has_passed_is_found_from_any_state(plan in unions(), state in states(), now in instants()) {
        let mut memos = plan.memos();
        for policy in [Policy::Earliest, Policy::Latest, Policy::All { limit: 3 }] {
            let due = plan.due(&state, now, policy, &mut memos).expect("it is no meeting");
            prop_assert!(due.passed.iter().all(|(at, _)| *at <= now));
        }
        let mut found = Vec::new();
        plan.visit(&plan.position(now), Micros::AFTER_ALL, 5, &mut memos, |at, _| found.push(at)).expect("it is no meeting");
        prop_assert!(found.is_sorted() && found.iter().all(|at| *at > now));
        let last = plan.last_at_or_before(now).expect("it is no meeting");
        prop_assert!(last.is_none_or(|last| last <= now));
    }

    #[test]
    fn cron_allocates_nothing_per_fire_time(plan in cron_plans(), after in instants()) {
        let mut memos = plan.memos();
        let state = State::At(after);
        let (found, bytes) = allocated(|| plan.visit(&state, Micros::AFTER_ALL, 20, &mut memos, |_, _| ()));
        prop_assert!(found.is_ok());
        prop_assert_eq!(bytes, 0);
    }

    #[test]
    fn what_a_memo_knows_changes_no_answer(plan in cron_plans(), at in vec(instants(), 6)) {
        let mut memos = plan.memos();
        for after in at {
            let known = plan.next(&State::At(after), &mut memos).expect("it is no meeting");
            let fresh = plan.next(&State::At(after), &mut plan.memos()).expect("it is no meeting");
            prop_assert_eq!(&known, &fresh);
            if let Some(fire) = known {
                prop_assert_eq!(plan.wall(0, fire.at, &memos), plan.wall(0, fire.at, &plan.memos()));
            }
        }
    }
}

proptest! {
    // The longest of these searches take a million steps.
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn meetings_within_meetings_come_to_an_end(plan in nested_meetings(), now in instants()) {
        let mut memos = plan.memos();
        let next = plan.next(&State::Start, &mut memos);
        if let Ok(Some(first)) = &next {
            for policy in [Policy::Earliest, Policy::Latest] {
                if let Ok(due) = plan.due(&first.state, now, policy, &mut memos)
                    && let Some((following, _)) = due.following
                {
                    prop_assert!(following > now.min(Micros::MAX));
                }
            }
        }
        if let (Ok(Some(first)), Ok(Some(last))) = (next, plan.last_at_or_before(now)) {
            prop_assert!(first.at <= last && last <= now);
        }
    }
}
