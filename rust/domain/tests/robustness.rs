//! Whatever it is given, the core answers or refuses: it does not panic, hang, or allocate out of proportion.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rota_domain::calendarinterval::CalendarIntervalSeries;
use rota_domain::civil::Day;
use rota_domain::coalesce::Policy;
use rota_domain::cron::field::{CronFields, DaySpec};
use rota_domain::cron::transition::{CronSeries, Gap, Overlap};
use rota_domain::instant::{Micros, Wall};
use rota_domain::plan::Plan;
use rota_domain::series::State;
use rota_domain::zone::Zone;

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

/// TZif files of many kinds: rules of both hemispheres, none, negative summer time, a lost day, permanent shifts.
const NAMES: [&str; 9] = [
    "Europe/Berlin",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Pacific/Apia",
    "Antarctica/Troll",
    "UTC",
];

fn tzif(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tzif/");
    fs::read(format!("{folder}{}", name.replace('/', "-"))).expect("the file is checked in")
}

/// A change of a file.
#[derive(Clone, Debug)]
enum Damage {
    Byte(Index, u8),
    Bit(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, Vec<u8>),
}

impl Damage {
    fn apply(&self, data: &mut Vec<u8>) {
        if data.is_empty() {
            return;
        }
        let at = |index: &Index| index.index(data.len());
        let until = |start: usize, length: usize| (start + length).min(data.len());
        match self {
            Damage::Byte(index, byte) => {
                let at = at(index);
                data[at] = *byte;
            }
            Damage::Bit(index, bit) => {
                let at = at(index);
                data[at] ^= 1 << bit;
            }
            Damage::Cut(index) => data.truncate(at(index)),
            Damage::Remove(index, length) => {
                let start = at(index);
                data.drain(start..until(start, *length));
            }
            Damage::Repeat(index, length) => {
                let start = at(index);
                let again = data[start..until(start, *length)].to_vec();
                data.splice(start..start, again);
            }
            Damage::Insert(index, bytes) => {
                let start = at(index);
                data.splice(start..start, bytes.iter().copied());
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<u8>()).prop_map(|(index, byte)| Damage::Byte(index, byte)),
        (index(), 0..8_u8).prop_map(|(index, bit)| Damage::Bit(index, bit)),
        index().prop_map(Damage::Cut),
        (index(), 1..64_usize).prop_map(|(index, length)| Damage::Remove(index, length)),
        (index(), 1..64_usize).prop_map(|(index, length)| Damage::Repeat(index, length)),
        (index(), vec(any::<u8>(), 1..16)).prop_map(|(index, bytes)| Damage::Insert(index, bytes)),
    ]
}

/// Real files with a few changes; the header, whose counts decide about sizes, is hit as often as the rest.
fn damaged_tzif() -> impl Strategy<Value = Vec<u8>> {
    let header = vec((0..44_usize, any::<u8>()), 0..3);
    (select(NAMES.to_vec()), header, vec(damage(), 0..5)).prop_map(|(name, header, damages)| {
        let mut data = tzif(name);
        for (position, byte) in header {
            data[position] = byte;
        }
        for damage in damages {
            damage.apply(&mut data);
        }
        data
    })
}

/// A real file whose footer is another one.
fn odd_footer() -> impl Strategy<Value = Vec<u8>> {
    let rule = "<?[A-Z]{3}>?[-+]?[0-9]{1,3}(:[0-9]{2}){0,2}([A-Z]{3}([-+]?[0-9]{1,3})?(,[JM]?[0-9.]{1,7}(/-?[0-9]{1,3})?){0,2})?";
    (select(NAMES.to_vec()), prop_oneof![rule, "[ -~]{0,40}"]).prop_map(|(name, footer)| {
        let mut data = tzif(name);
        data.pop();
        let start = data.iter().rposition(|byte| *byte == b'\n').expect("a footer has two");
        data.truncate(start + 1);
        data.extend(footer.bytes());
        data.push(b'\n');
        data
    })
}

/// Any instant, those at the ends of time as often as others.
fn instants() -> impl Strategy<Value = Micros> {
    prop_oneof![
        any::<i64>().prop_map(Micros::clamped),
        (Micros::MIN.get()..=Micros::MAX.get()).prop_map(Micros::clamped),
        (0..5_000_000_000_000_000_i64).prop_map(Micros::clamped),
        select(vec![Micros::BEFORE_ALL, Micros::MIN, Micros::MAX, Micros::AFTER_ALL]),
    ]
}

/// Any number, small ones and the greatest as often as others.
fn numbers() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -2..100_i64, select(vec![i64::MIN, i64::MAX, 0, 86_400_000_000])]
}

/// Bits up to `highest`, few of them as often as many.
fn masks(highest: u32) -> impl Strategy<Value = u64> {
    let all = u64::MAX >> (63 - highest);
    prop_oneof![
        any::<u64>().prop_map(move |mask| mask & all),
        vec(0..=highest, 0..3).prop_map(|bits| bits.iter().fold(0, |mask, bit| mask | 1 << bit)),
        Just(all),
    ]
}

fn day_specs() -> BoxedStrategy<DaySpec> {
    let masks = (masks(31), masks(30), masks(31), masks(34), masks(6), masks(6));
    masks
        .prop_map(|(days, from_end, nearest_weekday, nth, last_weekday, weekdays)| DaySpec {
            days,
            from_end,
            nearest_weekday,
            nth,
            last_weekday,
            weekdays,
        })
        .boxed()
}

fn cron_fields() -> BoxedStrategy<CronFields> {
    let every_year = vec(any::<u8>(), 0..1300);
    let years = prop_oneof![3 => Just(None), 1 => every_year.prop_map(Some)];
    let times = (masks(59), masks(59), masks(23), masks(12));
    (times, years, prop_oneof![Just(0), masks(53)], day_specs(), day_specs(), any::<bool>())
        .prop_map(|((second, minute, hour, month), years, weeks, day, day_of_week, either)| {
            CronFields { second, minute, hour, month, years, weeks, day, day_of_week, either }
        })
        .boxed()
}

fn zones() -> BoxedStrategy<Arc<Zone>> {
    let read: Vec<_> = NAMES
        .iter()
        .map(|name| Arc::new(Zone::from_tzif(&tzif(name)).expect("the file is well-formed")))
        .collect();
    prop_oneof![
        3 => select(read),
        1 => (-86_399_999_999..86_400_000_000_i64)
            .prop_map(|offset| Arc::new(Zone::fixed(offset).expect("it is less than a day"))),
    ]
    .boxed()
}

fn cron_plans() -> BoxedStrategy<Plan> {
    (zones(), cron_fields(), instants(), proptest::option::of(instants()), 0..2_i64, 0..3_i64)
        .prop_map(|(zone, fields, start, end, gap, overlap)| {
            let gap = Gap::new(gap).expect("it is 0 or 1");
            let overlap = Overlap::new(overlap).expect("it is in 0-2");
            let series = CronSeries::new(Arc::clone(&zone), &fields, start, end, gap, overlap);
            Plan::cron(zone, series.expect("the masks fit"))
        })
        .boxed()
}

/// Plans of any numbers; those that are refused are refused in passing.
fn simple_plans() -> BoxedStrategy<Plan> {
    let intervals = (zones(), instants(), numbers(), proptest::option::of(instants()))
        .prop_filter_map("the step is positive", |(zone, start, step, end)| {
            Plan::interval(zone, start, step, end).ok()
        });
    let calendar =
        (zones(), 1..3_652_060_i64, proptest::option::of(numbers()), numbers(), numbers());
    let calendar_intervals = (calendar, 0..86_400_000_000_i64).prop_filter_map(
        "there is a step",
        |((zone, start, end, months, days), time)| {
            let series =
                CalendarIntervalSeries::new(Arc::clone(&zone), start, end, months, days, time);
            Some(Plan::calendar_interval(zone, series.ok()?))
        },
    );
    prop_oneof![
        3 => cron_plans(),
        1 => (zones(), instants()).prop_map(|(zone, at)| Plan::date(zone, at)),
        1 => intervals,
        1 => calendar_intervals,
    ]
    .boxed()
}

// Strategies are boxed, or values of their types would be more than the stack of a test's thread holds.

/// Unions within unions.
fn unions() -> BoxedStrategy<Plan> {
    simple_plans()
        .prop_recursive(2, 6, 3, |children| vec(children, 1..4).prop_map(|plans| any_of(&plans)))
        .boxed()
}

/// Meetings, and unions with meetings in them.
fn combinations() -> BoxedStrategy<Plan> {
    let threshold = prop_oneof![Just(0), 0..86_400_000_000_i64, Just(i64::MAX)];
    let meetings =
        (vec(unions(), 1..3), threshold, 1..40_i64).prop_map(|(plans, threshold, most)| {
            let plans: Vec<_> = plans.iter().collect();
            Plan::all_of(&plans, threshold, most).expect("there are some")
        });
    let with_meetings = (meetings, simple_plans())
        .prop_map(|(meeting, simple)| (any_of(&[meeting.clone(), simple]), meeting));
    (with_meetings, any::<bool>())
        .prop_map(|((union, meeting), mixed)| if mixed { union } else { meeting })
        .boxed()
}

fn any_of(plans: &[Plan]) -> Plan {
    Plan::any_of(&plans.iter().collect::<Vec<_>>()).expect("there are some")
}

fn states() -> BoxedStrategy<State> {
    let simple = prop_oneof![Just(State::Start), instants().prop_map(State::At)];
    simple
        .prop_recursive(4, 16, 4, |states| {
            let several = vec(states, 0..4).prop_map(Vec::into_boxed_slice);
            prop_oneof![
                several.clone().prop_map(State::Children),
                (instants(), several).prop_map(|(last, states)| State::Union(last, states)),
            ]
        })
        .boxed()
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
