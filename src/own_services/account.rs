//! The unprivileged account that servers run under when we are root: Postgres refuses to run as root.
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::unistd::{Gid, Uid, User, chown};

/// A user and group to drop to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// `None` when we are not root and simply stay who we are.
    pub(super) fn to_run_as() -> Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = User::from_name(name).with_context(|| format!("look up the user {name}"))? {
                return Ok(Some(Self {
                    uid: user.uid.as_raw(),
                    gid: user.gid.as_raw(),
                }));
            }
        }
        anyhow::bail!(
            "running as root, but there is neither a user postgres nor a user nobody to run the servers as"
        )
    }

    /// Gives one path, not what is in it, to the account.
    pub(super) fn own(self, path: &Path) -> Result<()> {
        chown(path, Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))
            .with_context(|| format!("give {} to the servers' account", path.display()))
    }
}
