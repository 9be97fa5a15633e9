//! Every state and every wish.

use hub::ids::{SessionId, TenantId};
use hub::shard::Shard;

use super::*;

fn at(second: i64) -> Timestamp {
    jiff::Timestamp::from_second(second).unwrap().into()
}

fn wanted(desired: Desired, observed: Observed) -> Wanted {
    Wanted {
        tenant: TenantId::at(at(1)),
        session: SessionId::at(at(1)),
        shard: Shard(1),
        desired,
        observed,
        next_attempt_at: None,
        attempts: 0,
        is_linked: true,
        groups: false,
        pairing: None,
        paused_until: None,
        has_outbox: false,
        is_busy: false,
    }
}

#[test]
fn what_should_run_connects_unless_a_person_is_needed() {
    for observed in [
        Observed::Connecting,
        Observed::Connected,
        Observed::Waiting,
        Observed::Stopped,
        Observed::Banned,
    ] {
        let step = next(&wanted(Desired::Running, observed), at(10));
        assert!(matches!(step, Step::Connect), "{observed:?}: {step:?}");
    }
    for observed in [
        Observed::Replaced,
        Observed::LoggedOut,
        Observed::PasskeyNeeded,
        Observed::Outdated,
        Observed::Failed,
    ] {
        let step = next(&wanted(Desired::Running, observed), at(10));
        assert!(matches!(step, Step::Rest), "{observed:?}: {step:?}");
    }
}

#[test]
fn nothing_is_tried_before_its_time() {
    let mut one = wanted(Desired::Running, Observed::Banned);
    one.next_attempt_at = Some(at(20));
    assert!(matches!(next(&one, at(10)), Step::Later(until) if until == at(20)));
    assert!(matches!(next(&one, at(20)), Step::Connect));
}

#[test]
fn a_back_off_that_ends_later_than_any_could_counts_for_nothing() {
    let mut one = wanted(Desired::Running, Observed::Waiting);
    let latest = at(10).after(BACK_OFF_MAX);
    one.next_attempt_at = Some(latest);
    assert!(matches!(next(&one, at(10)), Step::Later(until) if until == latest));
    one.next_attempt_at = Some(latest.after(Duration::from_secs(1)));
    assert!(matches!(next(&one, at(10)), Step::Connect));
    one.observed = Observed::Banned;
    assert!(
        matches!(next(&one, at(10)), Step::Later(_)),
        "the network dates a ban"
    );
}

#[test]
fn a_stop_is_said_once_and_rests() {
    let connected = next(&wanted(Desired::Stopped, Observed::Connected), at(10));
    assert!(matches!(connected, Step::Say(said) if said.observed == Observed::Stopped));
    assert!(matches!(
        next(&wanted(Desired::Stopped, Observed::Stopped), at(10)),
        Step::Rest
    ));
    let logged_out = next(&wanted(Desired::Stopped, Observed::LoggedOut), at(10));
    assert!(matches!(logged_out, Step::Rest), "what it needs stays to be seen");
}

#[test]
fn codes_are_shown_while_somebody_watches_and_not_after() {
    let mut one = wanted(Desired::Running, Observed::New);
    one.is_linked = false;
    one.pairing = Some(Pairing {
        id: "p".to_owned(),
        phone: None,
        until: at(20),
    });
    assert!(matches!(next(&one, at(10)), Step::Pair(pairing) if pairing.id == "p"));
    one.observed = Observed::Pairing;
    assert!(matches!(next(&one, at(21)), Step::Say(said) if said.observed == Observed::New));
    one.observed = Observed::New;
    assert!(matches!(next(&one, at(21)), Step::Rest));
}

#[test]
fn the_back_off_doubles_to_a_quarter_of_an_hour() {
    assert_eq!(back_off(1, 0.0), Duration::from_secs(1));
    assert_eq!(back_off(3, 0.0), Duration::from_secs(4));
    assert_eq!(back_off(40, 0.0), BACK_OFF_MAX);
    assert_eq!(back_off(2, 1.0), Duration::from_secs(1));
}
