//! Refresh tokens against a model: whatever browsers, tabs and thieves do in whatever order, the family behaves as said.

use std::time::Duration;

use hub::auth::login::Login;
use hub::auth::{self, Came, Opened, login};
use hub::clock::Clock;
use hub::error::Error;
use hub::ids::TenantId;
use hub::role::Role;
use hub::staff::NewStaff;
use hub::testing::World;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

const PASSWORD: &str = "correct horse battery";
const GRACE: Duration = Duration::from_secs(10);

/// From one of the 254 addresses for documentation.
fn came_from(host: u8) -> Came {
    Came {
        address: std::net::Ipv4Addr::new(198, 51, 100, host).into(),
        user_agent: None,
        device: None,
        host_slug: None,
    }
}

async fn world() -> (World, TenantId) {
    let start = "2026-05-01T12:00:00Z".parse::<jiff::Timestamp>().unwrap();
    let world = World::with(|_| {}, Clock::held(start.into())).await;
    let acme = world.tenant("acme").await;
    let new = NewStaff {
        email: "ann@example.com".to_owned(),
        name: "Ann".to_owned(),
        role: Role::Owner,
    };
    hub::staff::create(&world.hub, acme, None, new, Some(PASSWORD))
        .await
        .unwrap();
    (world, acme)
}

async fn sign_in(world: &World) -> Opened {
    sign_in_from(world, 1).await
}

async fn sign_in_from(world: &World, host: u8) -> Opened {
    let typed = Login {
        email: "ann@example.com".to_owned(),
        password: PASSWORD.to_owned(),
        tenant: None,
        totp: None,
    };
    login::by_password(&world.hub, &came_from(host), typed)
        .await
        .unwrap()
}

/// The successor, or the code of the refusal.
async fn follow(world: &World, token: &str) -> Result<String, &'static str> {
    follow_from(world, 1, token).await
}

async fn follow_from(world: &World, host: u8, token: &str) -> Result<String, &'static str> {
    match auth::refresh(&world.hub, &came_from(host), token).await {
        Ok(opened) => Ok(opened.refresh_token),
        Err(Error::Unauthorized { code, .. }) => Err(code),
        Err(Error::TooMany { .. }) => Err("too_many"),
        Err(fault) => panic!("{fault:?}"),
    }
}

#[tokio::test]
async fn two_tabs_get_one_successor_and_a_third_use_ends_the_family() {
    let (world, acme) = world().await;
    let first = sign_in(&world).await.refresh_token;
    let both = tokio::join!(follow(&world, &first), follow(&world, &first));
    let second = both.0.unwrap();
    assert_eq!(both.1.unwrap(), second);
    let third = follow(&world, &second).await.unwrap();
    // Inside the window, but its successor was used: no tab does that.
    assert_eq!(follow(&world, &first).await, Err("refresh_reused"));
    assert_eq!(follow(&world, &third).await, Err("bad_refresh"));
    let log = hub::audit::list(&world.hub, acme, &hub::audit::Wanted::default(), 10, None)
        .await
        .unwrap();
    assert!(log.items.iter().any(|line| line.action == "auth.token_reused"));
}

#[tokio::test]
async fn a_lost_answer_is_given_again_for_ten_seconds_and_then_is_theft() {
    let (world, _) = world().await;
    let first = sign_in(&world).await.refresh_token;
    let second = follow(&world, &first).await.unwrap();
    world.hub.clock.advance(GRACE);
    assert_eq!(follow(&world, &first).await.as_ref(), Ok(&second));
    world.hub.clock.advance(Duration::from_millis(1));
    assert_eq!(follow(&world, &first).await, Err("refresh_reused"));
    assert_eq!(follow(&world, &second).await, Err("bad_refresh"));
}

#[tokio::test]
async fn a_wrong_secret_changes_nothing() {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
    let (world, _) = world().await;
    let first = sign_in(&world).await.refresh_token;
    let mut bytes = BASE64.decode(&first).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let forged = BASE64.encode(bytes);
    assert_eq!(follow(&world, &forged).await, Err("bad_refresh"));
    let second = follow(&world, &first).await.unwrap();
    world.hub.clock.advance(Duration::from_hours(1));
    assert_eq!(follow(&world, &forged).await, Err("bad_refresh"));
    assert!(follow(&world, &second).await.is_ok());
    for broken in ["", "AAAA", "not base64!", &"A".repeat(86), &"A".repeat(100_000)] {
        assert_eq!(follow(&world, broken).await, Err("bad_refresh"));
    }
}

#[tokio::test]
async fn a_sign_in_ends_when_idle_and_at_the_latest_after_ninety_days() {
    let (world, _) = world().await;
    let idle = sign_in(&world).await.refresh_token;
    let mut used = sign_in(&world).await.refresh_token;
    world.hub.clock.advance(Duration::from_hours(14 * 24));
    assert_eq!(follow(&world, &idle).await, Err("bad_refresh"));
    assert_eq!(follow(&world, &used).await, Err("bad_refresh"));
    used = sign_in(&world).await.refresh_token;
    for _ in 0..8 {
        world.hub.clock.advance(Duration::from_hours(11 * 24));
        used = follow(&world, &used).await.unwrap();
    }
    world.hub.clock.advance(Duration::from_hours(2 * 24));
    assert_eq!(follow(&world, &used).await, Err("bad_refresh"));
}

/// One thing somebody does.
#[derive(Clone, Debug)]
enum Step {
    /// Uses the token of a generation, counted back from the newest.
    Use { back: usize },
    /// Lets milliseconds pass.
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Use { back: 0 }),
        3 => (0_usize..4).prop_map(|back| Step::Use { back }),
        2 => prop_oneof![Just(9_999), Just(10_000), Just(10_001), 0_u64..30_000].prop_map(Step::Wait),
        1 => any::<u8>().prop_map(|ms| Step::Wait(u64::from(ms))),
    ];
    proptest::collection::vec(step, 1..14)
}

/// What must happen: generations with the time of their first use, and whether the family lives.
struct Model {
    used_at: Vec<Option<u64>>,
    dead: bool,
}

#[derive(Debug)]
enum Expect {
    /// The token of this generation, which may be new.
    Generation(usize),
    Reused,
    Refused,
}

impl Model {
    fn follow(&mut self, generation: usize, now: u64) -> Expect {
        if self.dead {
            return Expect::Refused;
        }
        let Some(used_at) = self.used_at[generation] else {
            self.used_at[generation] = Some(now);
            self.used_at.push(None);
            return Expect::Generation(generation + 1);
        };
        if now - used_at <= 10_000 && self.used_at[generation + 1].is_none() {
            return Expect::Generation(generation + 1);
        }
        self.dead = true;
        Expect::Reused
    }
}

#[tokio::test]
async fn a_family_does_what_its_model_does() {
    let (world, _) = world().await;
    let mut runner = TestRunner::new(Config::default());
    // Each from an address of its own: what all of them try that is refused would be too much for one.
    for host in 1..=60 {
        let story = steps().new_tree(&mut runner).unwrap().current();
        Story::begin(&world, host, story).await.tell().await;
    }
}

/// A story as it is told to the product and to the model.
struct Story<'a> {
    world: &'a World,
    host: u8,
    steps: Vec<Step>,
    tokens: Vec<String>,
    model: Model,
    now: u64,
}

impl<'a> Story<'a> {
    async fn begin(world: &'a World, host: u8, steps: Vec<Step>) -> Self {
        Self {
            world,
            host,
            steps,
            tokens: vec![sign_in_from(world, host).await.refresh_token],
            model: Model {
                used_at: vec![None],
                dead: false,
            },
            now: 0,
        }
    }

    async fn tell(mut self) {
        for step in self.steps.clone() {
            match step {
                Step::Wait(ms) => {
                    self.now += ms;
                    self.world.hub.clock.advance(Duration::from_millis(ms));
                }
                Step::Use { back } => self.use_one(self.tokens.len().saturating_sub(1 + back)).await,
            }
        }
    }

    async fn use_one(&mut self, generation: usize) {
        let got = follow_from(self.world, self.host, &self.tokens[generation]).await;
        match (self.model.follow(generation, self.now), got) {
            (Expect::Generation(next), Ok(token)) if next == self.tokens.len() => self.tokens.push(token),
            (Expect::Generation(next), Ok(token)) => assert_eq!(self.tokens[next], token, "{:?}", self.steps),
            (Expect::Reused, Err("refresh_reused")) | (Expect::Refused, Err("bad_refresh")) => {}
            (expected, got) => panic!("{expected:?}, not {got:?}, in {:?}", self.steps),
        }
    }
}
