//! A deploy's other half: asked to end, each role ends by itself, soon and without a complaint.

use hub::testing::World;

use crate::fleet::{Process, Role};

#[tokio::test]
async fn each_role_ends_by_itself_when_asked() {
    let world = World::start().await;
    for role in [Role::Api, Role::Calls, Role::Worker, Role::Scheduler] {
        let process = Process::start(&world, role, &[]).await;
        let status = process.stop().await;
        assert!(status.success(), "{status}");
    }
}
