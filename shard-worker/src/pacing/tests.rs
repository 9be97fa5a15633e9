//! The rules, by example and by chance.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn settings(
    pacing: config::Pacing,
    messages_per_minute: u32,
    new_chats_per_day_max: u32,
) -> config::Whatsapp {
    config::Whatsapp {
        web_url: "ws://127.0.0.1/ws/chat".parse().unwrap(),
        version: String::new(),
        pacing,
        messages_per_minute,
        new_chats_per_day_max,
        silent_after_s: 180,
    }
}

fn human() -> config::Whatsapp {
    settings(config::Pacing::Human, 20, 20)
}

fn at(second: i64) -> Timestamp {
    jiff::Timestamp::from_second(second).unwrap().into()
}

const DAY: Duration = Duration::from_hours(24);

#[test]
fn who_wrote_lately_is_answered_within_three_seconds() {
    let start = Instant::now();
    for length in [1, 40, 300, 4_000] {
        for random in [0.0, 0.5, 1.0] {
            let mut pace = Pace::new(&human(), start);
            let Turn::Type(typing) = pace.turn(Standing::Waiting, length, start, [random; 2]) else {
                panic!("a first answer waits");
            };
            assert!(
                typing >= Duration::from_millis(600) && typing <= Duration::from_secs(3),
                "{typing:?}"
            );
        }
    }
}

#[test]
fn a_stranger_makes_the_next_stranger_wait_and_nobody_else() {
    let start = Instant::now();
    let mut pace = Pace::new(&human(), start);
    assert!(matches!(
        pace.turn(Standing::Stranger, 10, start, [0.5; 2]),
        Turn::Type(_)
    ));
    let then = start + Duration::from_secs(5);
    let Turn::Later(until) = pace.turn(Standing::Stranger, 10, then, [0.5; 2]) else {
        panic!("two strangers at once");
    };
    assert_eq!(until, start + Duration::from_secs(40));
    assert!(matches!(
        pace.turn(Standing::Waiting, 10, then, [0.5; 2]),
        Turn::Type(_)
    ));
    assert!(matches!(
        pace.turn(Standing::Stranger, 10, until, [0.5; 2]),
        Turn::Type(_)
    ));
    pace.take_back(until);
    let turn = pace.turn(Standing::Stranger, 10, until, [0.5; 2]);
    assert!(matches!(turn, Turn::Type(_)));
}

#[test]
fn switched_off_nothing_waits() {
    let start = Instant::now();
    let settings = settings(config::Pacing::Off, 1, 0);
    let mut pace = Pace::new(&settings, start);
    for _ in 0..1_000 {
        let turn = pace.turn(Standing::Stranger, 4_000, start, [1.0; 2]);
        assert_eq!(turn, Turn::Type(Duration::ZERO));
    }
    assert_eq!(strangers_a_day(&settings, Duration::ZERO), None);
}

#[test]
fn strangers_a_day_grow_with_the_number_s_age() {
    let of = |days: u32| strangers_a_day(&human(), DAY * days);
    assert_eq!(
        [of(0), of(1), of(2), of(10), of(30), of(3_000)],
        [Some(5), Some(5), Some(6), Some(10), Some(20), Some(20)]
    );
    let nobody = settings(config::Pacing::Human, 20, 0);
    assert_eq!(strangers_a_day(&nobody, DAY * 90), Some(0));
}

#[test]
fn standing_is_what_was_said() {
    let now = at(1_000_000);
    assert_eq!(Standing::of(Some(at(999_000)), false, now), Standing::Waiting);
    assert_eq!(Standing::of(Some(at(1)), false, now), Standing::Known);
    assert_eq!(Standing::of(None, true, now), Standing::Known);
    assert_eq!(Standing::of(None, false, now), Standing::Stranger);
}

#[test]
fn warnings_become_pauses_with_an_end_and_a_reason() {
    let now = at(1_000_000);
    let locked = pause_after(&Warning::Locked(Some(at(1_000_500))), None, now);
    assert_eq!(
        (locked.scope, locked.until, locked.reason),
        (Scope::NewChats, at(1_000_500), "reachout_locked")
    );
    // An end that has passed is no end.
    let unknown = pause_after(&Warning::Locked(Some(at(1))), None, now);
    assert_eq!(unknown.until, now.after(LOCK_GUESS));
    let fast = pause_after(&Warning::TooFast, None, now);
    assert_eq!((fast.scope, fast.until), (Scope::All, now.after(SLOW_DOWN)));
    let again = pause_after(&Warning::TooFast, Some(now.before(Duration::from_hours(1))), now);
    assert_eq!(again.until, now.after(SLOW_DOWN_AGAIN));
    let long_ago = pause_after(&Warning::TooFast, Some(at(1)), now);
    assert_eq!(long_ago.until, fast.until);
    let banned = pause_after(&Warning::Banned(at(1_003_600), "too_many_strangers"), None, now);
    assert_eq!(
        (banned.scope, banned.until),
        (Scope::NewChats, at(1_003_600).after(AFTER_BAN))
    );
}

proptest! {
    /// Whenever somebody asks, no window lets more through than a burst and what its length earns.
    #[test]
    fn no_window_is_fuller_than_its_bucket(
        per_minute in 1_u32..120,
        steps in prop::collection::vec(0_u64..20_000, 1..300),
    ) {
        let start = Instant::now();
        let mut bucket = Bucket::new(per_minute, start);
        let (mut now, mut taken) = (start, Vec::new());
        for step in steps {
            now += Duration::from_millis(step);
            match bucket.take(now) {
                Ok(()) => taken.push(now),
                Err(later) => {
                    prop_assert!(later > now);
                    // What it says is neither too early nor in vain.
                    now = later;
                    prop_assert!(bucket.take(now).is_ok());
                    taken.push(now);
                }
            }
        }
        for (from, first) in taken.iter().enumerate() {
            for (count, last) in taken[from..].iter().enumerate() {
                let window = last.duration_since(*first).as_secs_f64();
                let earned = window * f64::from(per_minute) / 60.0 + f64::from(BURST);
                let count = f64::from(u32::try_from(count + 1).unwrap());
                prop_assert!(count <= earned + 1e-6, "{count} in {window} s at {per_minute}");
            }
        }
        let at_once = taken.iter().filter(|at| **at == start).count();
        prop_assert!(at_once <= usize::try_from(BURST_FIRST).unwrap());
    }

    /// Typing grows with the words and stays within its bounds.
    #[test]
    fn typing_is_bounded_and_grows(length in 0_usize..5_000, more in 0_usize..5_000, random in 0.0_f64..1.0) {
        for standing in [Standing::Waiting, Standing::Known, Standing::Stranger] {
            let (least, most, _) = standing.typing();
            let (one, other) = (typing(standing, length, random), typing(standing, length + more, random));
            prop_assert!(least <= one && one <= most);
            prop_assert!(one <= other);
        }
    }

    /// Strangers are never closer than the least distance, whatever chance says.
    #[test]
    fn strangers_are_apart(steps in prop::collection::vec((0_u64..90_000, 0.0_f64..1.0), 1..100)) {
        let start = Instant::now();
        let mut pace = Pace::new(&human(), start);
        let (mut now, mut last) = (start, None::<Instant>);
        for (step, random) in steps {
            now += Duration::from_millis(step);
            if let Turn::Type(_) = pace.turn(Standing::Stranger, 20, now, [random; 2]) {
                if let Some(last) = last {
                    prop_assert!(now.duration_since(last) >= STRANGERS_APART);
                }
                last = Some(now);
            }
        }
    }

    /// A longer link never earns less.
    #[test]
    fn age_never_costs(days in 0_u32..10_000, more in 0_u32..10_000) {
        let of = |days: u32| strangers_a_day(&human(), DAY * days);
        prop_assert!(of(days) <= of(days.saturating_add(more)));
    }
}
