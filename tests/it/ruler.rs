//! A ruler for promises of some seconds that stretches with the machine: tests share it with builds and with each other.

use std::time::Duration;

use hub::testing::World;

/// A look: a round trip to Postgres after this pause.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits for `deed` as long as `limit` is on an idle machine. It is measured in looks at Postgres with a pause before each,
/// which other work on the machine delays as it delays what is waited for; on an idle one they are not longer than `limit`.
pub(crate) fn within<'a, T: 'a>(
    world: &'a World,
    limit: Duration,
    what: &'a str,
    deed: impl Future<Output = T> + 'a,
) -> impl Future<Output = T> + 'a {
    Box::pin(async move {
        let mut admin = world.admin().await;
        // An idle machine takes 21 to 22 ms for a look.
        let ruler = async {
            for _ in 0..limit.as_millis() / 22 {
                tokio::time::sleep(PAUSE).await;
                sqlx::query("SELECT 1").execute(&mut admin).await.unwrap();
            }
        };
        tokio::select! {
            biased;
            done = deed => done,
            () = ruler => panic!("{what}: not within {limit:?} of an idle machine"),
        }
    })
}
