//! Every word, and what it does not let itself be talked out of.

use super::*;

fn at(minute: i64) -> Timestamp {
    jiff::Timestamp::from_second(1_000_000 + minute * 60)
        .unwrap()
        .into()
}

/// Connected since minute 0, heard from at minute 99; it is minute 100.
fn well() -> Facts {
    Facts {
        desired: Desired::Running,
        observed: Observed::Connected,
        observed_at: at(0),
        is_linked: true,
        connected_at: Some(at(0)),
        lost_at: None,
        heard_at: Some(at(99)),
        next_attempt_at: None,
        paused_until: None,
        pause_scope: None,
        oldest_open_at: None,
    }
}

fn of(facts: &Facts) -> (State, Option<Timestamp>, Option<Timestamp>) {
    let health = facts.health(at(100));
    (health.state, health.since, health.until)
}

#[test]
fn all_is_well() {
    assert_eq!(of(&well()), (State::Ok, Some(at(0)), None));
}

#[test]
fn connected_is_not_enough() {
    let silent = Facts {
        heard_at: Some(at(96)),
        ..well()
    };
    assert_eq!(of(&silent), (State::Silent, Some(at(96)), None));
    // A connection that has just come was heard from by that.
    let new = Facts {
        connected_at: Some(at(99)),
        heard_at: Some(at(50)),
        ..well()
    };
    assert_eq!(of(&new).0, State::Ok);
}

#[test]
fn what_does_not_go_out_is_stuck_unless_it_could_not() {
    let stuck = Facts {
        oldest_open_at: Some(at(97)),
        ..well()
    };
    assert_eq!(of(&stuck), (State::Stuck, Some(at(97)), None));
    let fresh = Facts {
        oldest_open_at: Some(at(99)),
        ..well()
    };
    assert_eq!(of(&fresh).0, State::Ok);
    let waited_for_the_connection = Facts {
        connected_at: Some(at(99)),
        ..stuck
    };
    assert_eq!(of(&waited_for_the_connection).0, State::Ok);
    let waited_for_a_pause = Facts {
        paused_until: Some(at(99)),
        pause_scope: Some(Scope::All),
        ..stuck
    };
    assert_eq!(of(&waited_for_a_pause).0, State::Ok);
    // New people being left alone does not explain it.
    let others_may = Facts {
        paused_until: Some(at(200)),
        pause_scope: Some(Scope::NewChats),
        ..stuck
    };
    assert_eq!(of(&others_may).0, State::Stuck);
}

#[test]
fn a_pause_has_an_end() {
    for scope in [Scope::All, Scope::NewChats] {
        let paused = Facts {
            paused_until: Some(at(110)),
            pause_scope: Some(scope),
            oldest_open_at: (scope == Scope::All).then(|| at(50)),
            ..well()
        };
        assert_eq!(of(&paused), (State::Paused, None, Some(at(110))));
        // Silence is worse than any pause.
        let silent = Facts {
            heard_at: Some(at(10)),
            ..paused
        };
        assert_eq!(of(&silent).0, State::Silent);
    }
}

#[test]
fn a_lost_connection_is_lost_since_it_was_not_since_the_last_try() {
    for observed in [Observed::Connecting, Observed::Waiting, Observed::Stopped] {
        let away = Facts {
            observed,
            observed_at: at(99),
            connected_at: None,
            lost_at: Some(at(80)),
            next_attempt_at: Some(at(101)),
            ..well()
        };
        assert_eq!(of(&away), (State::Reconnecting, Some(at(80)), Some(at(101))));
    }
}

#[test]
fn what_only_a_person_can_mend_says_so() {
    for observed in [
        Observed::Replaced,
        Observed::LoggedOut,
        Observed::Outdated,
        Observed::Failed,
    ] {
        let facts = Facts { observed, ..well() };
        assert_eq!(of(&facts), (State::NeedsYou, Some(at(0)), None), "{observed:?}");
        let stopped = Facts {
            desired: Desired::Stopped,
            ..facts
        };
        assert_eq!(of(&stopped).0, State::Resting);
    }
    let banned = Facts {
        observed: Observed::Banned,
        next_attempt_at: Some(at(500)),
        ..well()
    };
    assert_eq!(of(&banned), (State::NeedsYou, Some(at(0)), Some(at(500))));
    let passkey = Facts {
        observed: Observed::PasskeyNeeded,
        desired: Desired::Stopped,
        is_linked: false,
        ..well()
    };
    assert_eq!(of(&passkey).0, State::NeedsYou);
}

#[test]
fn who_rests_on_purpose_is_not_ill() {
    for (desired, observed, is_linked) in [
        (Desired::Stopped, Observed::Stopped, true),
        (Desired::Unlinked, Observed::Connected, true),
        (Desired::Running, Observed::New, false),
        (Desired::Running, Observed::Pairing, true),
    ] {
        let resting = Facts {
            desired,
            observed,
            is_linked,
            heard_at: None,
            ..well()
        };
        assert_eq!(of(&resting).0, State::Resting, "{desired:?} {observed:?}");
    }
}
