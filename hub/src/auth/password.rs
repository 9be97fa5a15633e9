//! Passwords: argon2id, in a thread of its own, a bounded number at once, so that a storm of sign-ins cannot starve calls.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, Params};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

use crate::error::{Error, Result};
use crate::ids::random_hex;

/// How long a sign-in waits for its turn to hash.
const TURN_LIMIT: Duration = Duration::from_secs(5);
/// Longer ones are not read; hashing takes their length into account.
const BYTES_MAX: usize = 1_024;
const CHARACTERS_MIN: usize = 10;

/// Hashes and checks, a few at once.
#[derive(Clone)]
pub(crate) struct Hashing {
    /// As many as half the cores; the others wait, [`TURN_LIMIT`] at most.
    turns: Arc<Semaphore>,
    /// What an unknown e-mail's password is compared with, so that it takes as long as a known one's.
    nobody: Arc<OnceLock<String>>,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) matches: bool,
    /// Of another kind or strength than we make today: hash again while the password is at hand.
    pub(crate) outdated: bool,
}

impl Hashing {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            turns: Arc::new(Semaphore::new((cores / 2).max(1))),
            nobody: Arc::new(OnceLock::new()),
        }
    }

    /// A hash to store.
    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        let password = normal(password);
        self.work(move |_| hash(&password)).await
    }

    /// Whether `password` is what `stored` was made of. Without one, takes as long and does not match.
    pub(crate) async fn check(&self, stored: Option<String>, password: &str) -> Result<Verdict> {
        if password.len() > BYTES_MAX {
            return Err(Error::field("password", "must have at most 1024 bytes"));
        }
        let password = normal(password);
        self.work(move |nobody| {
            if let Some(stored) = stored {
                return check(&stored, &password);
            }
            let nobody = nobody.get_or_init(|| hash(&random_hex(16)).unwrap_or_default());
            check(nobody, &password)?;
            Ok(Verdict {
                matches: false,
                outdated: false,
            })
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce(&OnceLock<String>) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(TURN_LIMIT, Arc::clone(&self.turns).acquire_owned())
            .await
            .map_err(|_elapsed| Error::Unavailable("sign-in", anyhow!("too many sign-ins at once")))?;
        let nobody = Arc::clone(&self.nobody);
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            job(&nobody)
        });
        Ok(done.await.context("hash a password")??)
    }
}

/// What a new password must be.
///
/// # Errors
/// `Invalid`, naming `field`.
pub(crate) fn check_strength(field: &str, password: &str, email: &str) -> Result<()> {
    if password.len() > BYTES_MAX {
        return Err(Error::field(field, "must have at most 1024 bytes"));
    }
    if normal(password).chars().count() < CHARACTERS_MIN {
        return Err(Error::field(field, "must have at least 10 characters"));
    }
    let first = password.chars().next();
    if password.eq_ignore_ascii_case(email) || password.chars().all(|c| Some(c) == first) {
        return Err(Error::field(field, "is too easy to guess"));
    }
    Ok(())
}

/// The same characters are the same password, however a keyboard composes them.
fn normal(password: &str) -> String {
    password.nfkc().collect()
}

fn hash(password: &str) -> anyhow::Result<String> {
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|fault| anyhow!("hash a password: {fault}"))?;
    Ok(hash.to_string())
}

fn check(stored: &str, password: &str) -> anyhow::Result<Verdict> {
    if stored.starts_with("$2") {
        // An imported hash. bcrypt looks at 72 bytes only; a longer password is no match rather than cut.
        let matches = bcrypt::non_truncating_verify(password, stored).unwrap_or(false);
        return Ok(Verdict {
            matches,
            outdated: true,
        });
    }
    let parsed = PasswordHash::new(stored).map_err(|fault| anyhow!("read a stored hash: {fault}"))?;
    let params = Params::try_from(&parsed).map_err(|fault| anyhow!("read a stored hash: {fault}"))?;
    let ours = Params::default();
    let same = params.m_cost() == ours.m_cost()
        && params.t_cost() == ours.t_cost()
        && params.p_cost() == ours.p_cost();
    Ok(Verdict {
        matches: Argon2::default()
            .verify_password(password.as_bytes(), &parsed)
            .is_ok(),
        outdated: !same,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_cut_off_and_compositions_are_one() {
        let long = "x".repeat(72);
        let stored = hash(&normal(&format!("{long}a"))).unwrap();
        assert!(check(&stored, &format!("{long}a")).unwrap().matches);
        assert!(!check(&stored, &format!("{long}b")).unwrap().matches);
        let composed = hash(&normal("caf\u{e9} olé")).unwrap();
        assert!(check(&composed, &normal("cafe\u{301} olé")).unwrap().matches);
        assert!(!check(&composed, &normal("cafe olé")).unwrap().matches);
    }

    #[test]
    fn an_imported_hash_is_accepted_and_outdated() {
        let stored = bcrypt::hash("correct horse", 4).unwrap();
        let verdict = check(&stored, "correct horse").unwrap();
        assert!(verdict.matches && verdict.outdated);
        assert!(!check(&stored, "wrong horse").unwrap().matches);
        let fresh = hash("correct horse").unwrap();
        assert!(!check(&fresh, "correct horse").unwrap().outdated);
        let weaker = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$3tvSQHyQ8TQ3KTnWGBMKGJv5R3pQ6pFVwTmH7WcxDm4";
        assert!(check(weaker, "x").unwrap().outdated);
    }

    #[test]
    fn a_new_password_is_long_enough_and_not_the_address() {
        assert!(check_strength("new", "correct horse", "ann@example.com").is_ok());
        for weak in ["short", "aaaaaaaaaaaaaaaa", "ann@example.com", "Ann@Example.com"] {
            assert!(check_strength("new", weak, "ann@example.com").is_err(), "{weak}");
        }
        assert!(check_strength("new", &"xy".repeat(600), "ann@example.com").is_err());
    }
}
