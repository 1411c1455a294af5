//! What the core is given: damaged files, any masks and numbers, and plans made of them.

use std::fs;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rota_domain::calendarinterval::CalendarIntervalSeries;
use rota_domain::cron::field::{CronFields, DaySpec};
use rota_domain::cron::transition::{CronSeries, Gap, Overlap};
use rota_domain::instant::Micros;
use rota_domain::plan::Plan;
use rota_domain::series::State;
use rota_domain::zone::Zone;

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
pub(crate) fn damaged_tzif() -> impl Strategy<Value = Vec<u8>> {
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
pub(crate) fn odd_footer() -> impl Strategy<Value = Vec<u8>> {
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
pub(crate) fn instants() -> impl Strategy<Value = Micros> {
    prop_oneof![
        any::<i64>().prop_map(Micros::clamped),
        (Micros::MIN.get()..=Micros::MAX.get()).prop_map(Micros::clamped),
        (0..5_000_000_000_000_000_i64).prop_map(Micros::clamped),
        select(vec![Micros::BEFORE_ALL, Micros::MIN, Micros::MAX, Micros::AFTER_ALL]),
    ]
}

/// Any number, small ones and the greatest as often as others.
pub(crate) fn numbers() -> impl Strategy<Value = i64> {
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

pub(crate) fn cron_plans() -> BoxedStrategy<Plan> {
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
pub(crate) fn unions() -> BoxedStrategy<Plan> {
    simple_plans()
        .prop_recursive(2, 6, 3, |children| vec(children, 1..4).prop_map(|plans| any_of(&plans)))
        .boxed()
}

/// Meetings, and unions with meetings in them.
pub(crate) fn combinations() -> BoxedStrategy<Plan> {
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

/// Meetings of the same plans and of others within one another.
pub(crate) fn nested_meetings() -> BoxedStrategy<Plan> {
    let threshold = prop_oneof![Just(0), 0..10_000_000_i64, Just(i64::MAX)];
    (simple_plans(), vec((simple_plans(), any::<bool>(), threshold), 1..8))
        .prop_map(|(innermost, others)| {
            others.into_iter().fold(innermost.clone(), |inner, (other, again, threshold)| {
                let beside = if again { &innermost } else { &other };
                Plan::all_of(&[&inner, beside], threshold, 1_000).expect("there are two")
            })
        })
        .boxed()
}

fn any_of(plans: &[Plan]) -> Plan {
    Plan::any_of(&plans.iter().collect::<Vec<_>>()).expect("there are some")
}

pub(crate) fn states() -> BoxedStrategy<State> {
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
