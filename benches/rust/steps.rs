//! The cost of a step: the fire time that follows another, without Python around it.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rota_domain::calendarinterval::CalendarIntervalSeries;
use rota_domain::coalesce::Policy;
use rota_domain::cron::field::{CronFields, DaySpec};
use rota_domain::cron::transition::{CronSeries, Gap, Overlap};
use rota_domain::instant::Micros;
use rota_domain::plan::Plan;
use rota_domain::series::State;
use rota_domain::zone::Zone;

const START: i64 = 1_704_067_200_000_000; // 2024-01-01
const YEAR: i64 = 366 * 86_400 * 1_000_000;
const EVERY_SIXTY: u64 = (1 << 60) - 1;

fn fields() -> CronFields {
    CronFields {
        second: 1,
        minute: EVERY_SIXTY,
        hour: (1 << 24) - 1,
        month: 0b1_1111_1111_1110,
        day: DaySpec { days: (1 << 32) - 2, ..DaySpec::default() },
        day_of_week: DaySpec { weekdays: 0x7f, ..DaySpec::default() },
        ..CronFields::default()
    }
}

/// The six patterns that every comparison uses, and one that fires every second.
fn patterns() -> [(&'static str, CronFields); 7] {
    let every_five = (0..60).step_by(5).fold(0, |mask, minute| mask | 1_u64 << minute);
    let days = |days| DaySpec { days, ..DaySpec::default() };
    let weekdays = DaySpec { weekdays: 0b1_1111, ..DaySpec::default() };
    let third_friday = DaySpec { nth: 1 << (4 * 5 + 2), ..DaySpec::default() };
    let at =
        |hour: u32, minute: u32| CronFields { hour: 1 << hour, minute: 1 << minute, ..fields() };
    [
        ("* * * * * *", CronFields { second: EVERY_SIXTY, ..fields() }),
        ("* * * * *", fields()),
        ("*/5 * * * *", CronFields { minute: every_five, ..fields() }),
        ("0 9 * * mon-fri", CronFields { day_of_week: weekdays, ..at(9, 0) }),
        ("30 4 1,15 * *", CronFields { day: days(1 << 1 | 1 << 15), ..at(4, 30) }),
        ("0 0 29 2 *", CronFields { month: 1 << 2, day: days(1 << 29), ..at(0, 0) }),
        ("0 12 * * 5#3", CronFields { day_of_week: third_friday, ..at(12, 0) }),
    ]
}

fn zones() -> [(&'static str, Arc<Zone>); 2] {
    let utc = Zone::fixed(0).expect("it is less than a day");
    let tzif = std::fs::read("/usr/share/zoneinfo/Europe/Berlin").expect("the system has zones");
    let berlin = Zone::from_tzif(&tzif).expect("it is well-formed");
    [("UTC", Arc::new(utc)), ("Europe/Berlin", Arc::new(berlin))]
}

fn cron(zone: &Arc<Zone>, fields: &CronFields) -> Plan {
    let (zone, start) = (Arc::clone(zone), Micros::clamped(START));
    let series = CronSeries::new(Arc::clone(&zone), fields, start, None, Gap::Skip, Overlap::Both);
    Plan::cron(zone, series.expect("the fields are right"))
}

/// So many steps are asked for at once.
const RUN: usize = 100;

/// Measure a step among others, again and again over a few decades.
fn step(criterion: &mut Criterion, name: &str, plan: &Plan) {
    let mut state = State::Start;
    let mut memos = plan.memos();
    let end = Micros::clamped(START + 50 * YEAR);
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|steps| {
            let mut left = usize::try_from(steps).expect("it is few");
            let begin = Instant::now();
            while left > 0 {
                let mut taken = 0;
                let last =
                    plan.visit(black_box(&state), end, left.min(RUN), &mut memos, |at, _| {
                        black_box(at);
                        taken += 1;
                    });
                left -= taken;
                state = match last {
                    Ok(Some(last)) if taken == RUN => last,
                    _ => State::Start,
                };
            }
            begin.elapsed()
        });
    });
}

/// Measure a step that is asked for by itself, with its state and its leaf.
fn single_step(criterion: &mut Criterion, name: &str, plan: &Plan) {
    let mut state = State::Start;
    let mut memos = plan.memos();
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| {
            state = match plan.next(black_box(&state), &mut memos) {
                Ok(Some(fire)) if fire.at.get() < START + 50 * YEAR => fire.state,
                _ => State::Start,
            };
        });
    });
}

fn steps(criterion: &mut Criterion) {
    for (zone_name, zone) in zones() {
        for (name, fields) in patterns() {
            step(criterion, &format!("{zone_name}: {name}"), &cron(&zone, &fields));
        }
        let start = Micros::clamped(START);
        let interval = Plan::interval(Arc::clone(&zone), start, 90_000_000, None);
        step(
            criterion,
            &format!("{zone_name}: interval"),
            &interval.expect("the step is positive"),
        );
        let every = |months, days| {
            let zone = Arc::clone(&zone);
            let series =
                CalendarIntervalSeries::new(Arc::clone(&zone), 738_886, None, months, days, 0);
            Plan::calendar_interval(zone, series.expect("the steps are right"))
        };
        step(criterion, &format!("{zone_name}: calendar interval"), &every(1, 0));
        let [_, _, (_, first), .., (_, second)] = patterns();
        let plans = [cron(&zone, &first), cron(&zone, &second), every(0, 1)];
        let any = Plan::any_of(&[&plans[0], &plans[1]]).expect("there are two");
        step(criterion, &format!("{zone_name}: any of two"), &any);
        let all =
            Plan::all_of(&[&plans[1], &plans[2]], 86_400_000_000, 1000).expect("there are two");
        step(criterion, &format!("{zone_name}: all of two"), &all);
        single_step(criterion, &format!("{zone_name}: */5 * * * *, one by one"), &plans[0]);
    }
}

fn plans(criterion: &mut Criterion) {
    let [_, (_, berlin)] = zones();
    let [(_, every_second), _, _, (_, weekdays), ..] = patterns();
    criterion
        .bench_function("compile", |bencher| bencher.iter(|| cron(&berlin, black_box(&weekdays))));
    let tzif = std::fs::read("/usr/share/zoneinfo/Europe/Berlin").expect("the system has zones");
    criterion.bench_function("read a zone", |bencher| {
        bencher.iter(|| Zone::from_tzif(black_box(&tzif)));
    });
    let plan = cron(&berlin, &every_second);
    let now = Micros::clamped(START + YEAR);
    let mut memos = plan.memos();
    criterion.bench_function("latest of a missed year of seconds", |bencher| {
        bencher.iter_batched(
            || State::At(Micros::clamped(START)),
            |state| plan.due(&state, black_box(now), Policy::Latest, &mut memos),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, steps, plans);
criterion_main!(benches);
