//! Events of two tenants, and screens that come, go, resume where the other tenant is and change their role: no word of one
//! is heard by the other.

use hub::role::Role;
use hub::testing::World;
use serde_json::Value;

use super::Dice;
use crate::live::{Node, Screen, emit_for};

const SEED: u64 = 0x5EED_0007;
const ROUNDS: usize = 60;
const SCREENS: usize = 6;
/// Events of a round, at most.
const BURST: usize = 30;

#[tokio::test]
async fn no_event_crosses_tenants_whatever_screens_do() {
    let world = World::start().await;
    let nodes = [
        Node::start(&world.hub).await,
        Node::start(&world.another_hub().await).await,
    ];
    let mut dice = Dice(SEED);
    let mut tenants = Vec::new();
    for slug in ["acme", "bolt"] {
        let tenant = world.tenant(slug).await;
        let owner = world.staff(tenant, &format!("{slug}-owner"), Role::Owner).await;
        let reader = world
            .staff(tenant, &format!("{slug}-reader"), Role::ReadOnly)
            .await;
        tenants.push((slug, tenant, [owner, reader]));
    }
    let mut screens: Vec<(usize, Screen)> = Vec::new();
    let mut said = 0;
    for round in 0..ROUNDS {
        let (slug, tenant, _) = &tenants[dice.below(2)];
        let audience = *dice.of(&[Role::ReadOnly, Role::Staff, Role::Owner]);
        for n in 0..=dice.below(BURST) {
            emit_for(&world.hub, *tenant, audience, &format!("{slug} {round}/{n}")).await;
            said += 1;
        }
        let whose = dice.below(2);
        let (node, who) = (dice.of(&nodes), dice.of(&tenants[whose].2));
        if screens.len() < SCREENS {
            screens.push((whose, Screen::open(node, who).await));
        } else if dice.once_in(2) {
            // Back on any process, as any role of its tenant, perhaps with the position of somebody else's feed.
            let foreign = screens[dice.below(SCREENS)].1.position.clone();
            let (whose, screen) = &mut screens[dice.below(SCREENS)];
            if dice.once_in(3) {
                screen.position = foreign;
            }
            let who = dice.of(&tenants[*whose].2);
            screen.come_back(node, who).await;
        }
    }
    let mut heard = 0;
    for (whose, screen) in &mut screens {
        let (slug, tenant, _) = &tenants[*whose];
        emit_for(&world.hub, *tenant, Role::ReadOnly, &format!("{slug} last")).await;
        while screen.heard.last().is_none_or(|last| !last.ends_with(" last")) {
            screen.take().await;
        }
        assert!(
            screen.heard.iter().all(|words| words.starts_with(slug)),
            "{slug} heard {:?}",
            screen.heard
        );
        let told = screen.signals.iter().map(Value::to_string).collect::<String>();
        let other = tenants[1 - *whose].0;
        assert!(!told.contains(other), "{slug} was told {told}");
        heard += screen.heard.len();
    }
    println!("{said} events said, {heard} heard, none by a stranger");
    assert!(heard > said, "the screens heard too little: {heard} of {said}");
}
