//! Linking an account while somebody watches: codes go to them and nowhere else.

use std::time::Duration;

use hub::session::pairing::{self, News as Told};
use hub::session::{Desired, Observation, Observed, Pairing, Wanted};
use tokio::sync::mpsc;

use super::Minding;
use crate::held::discreet;
use crate::link::{By, End, Link, News, Opening};

/// From the first knock until there is something to show: the library would try for ever.
const FIRST_CODE_LIMIT: Duration = Duration::from_secs(20);

/// How an attempt ended.
enum Over {
    /// The account is linked: the connection goes on.
    Linked,
    /// It is not, for this reason; and the state that the session is left in, if not as before.
    Failed(&'static str, Option<Observed>),
    /// Nobody watches it any more, or somebody else does.
    Abandoned,
}

impl Minding {
    pub(super) async fn pair(&self, wanted: &Wanted, pairing: &Pairing) -> hub::Result<()> {
        // Staff wait for a code, and nobody knows how long: it takes no place from those that are on their way.
        if self.turn().await.is_none() {
            return Ok(());
        }
        // Whatever was kept is of a device that is gone, or of an attempt that came to nothing.
        self.hold.forget_keys(&self.hub).await?;
        self.hold
            .observe(&self.hub, &Observation::plain(Observed::Pairing))
            .await?;
        let opening = Opening {
            pair: Some(pairing.phone.clone().map_or(By::Qr, By::Code)),
            groups: wanted.groups,
        };
        let (link, mut news) = match Link::open(&self.hub, &self.hold, opening).await {
            Ok(opened) => opened,
            Err(fault) => {
                tracing::warn!(error = discreet(&fault), session.id = %self.hold.session, "Could not begin to link");
                return self.fail(wanted, pairing, "network", None).await;
            }
        };
        match self.show(&link, &mut news, pairing).await {
            Ok(Over::Linked) => self.follow(link, news, (0, None)).await,
            Ok(Over::Failed(why, left_in)) => {
                link.close().await;
                self.fail(wanted, pairing, why, left_in).await
            }
            Ok(Over::Abandoned) => {
                link.close().await;
                Ok(())
            }
            Err(fault) => {
                link.close().await;
                Err(fault)
            }
        }
    }

    /// Shows codes until one is used, or nobody watches.
    async fn show(
        &self,
        link: &Link,
        news: &mut mpsc::Receiver<News>,
        pairing: &Pairing,
    ) -> hub::Result<Over> {
        let silence = tokio::time::sleep(FIRST_CODE_LIMIT);
        // Whatever the clock says meanwhile.
        let patience = pairing.until.since(self.hub.clock.now()).min(pairing::PATIENCE);
        let patience = tokio::time::sleep(patience);
        tokio::pin!(silence, patience);
        let mut has_news = false;
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Ok(Over::Abandoned),
                () = self.hold.tenure.over() => return Ok(Over::Abandoned),
                end = link.ended() => return Ok(failed(&end)),
                () = &mut silence, if !has_news => return Ok(Over::Failed("network", None)),
                () = &mut patience => return Ok(Over::Failed("codes_spent", None)),
                () = self.poke.notified() => {
                    let wanted = self.hold.wanted(&self.hub).await?;
                    let is_same = wanted.pairing.is_some_and(|now| now.id == pairing.id);
                    if !is_same || wanted.desired != Desired::Running {
                        return Ok(Over::Abandoned);
                    }
                }
                Some(news) = news.recv() => {
                    has_news = true;
                    if let Some(over) = self.hear(link, news, pairing).await? {
                        return Ok(over);
                    }
                }
            }
            if let Some(End::PasskeyNeeded) = link.verdict() {
                return Ok(failed(&End::PasskeyNeeded));
            }
        }
    }

    async fn hear(&self, link: &Link, news: News, pairing: &Pairing) -> hub::Result<Option<Over>> {
        let told = match news {
            News::Qr { code, lasts } if pairing.phone.is_none() => Told::Qr {
                code,
                expires_in_s: lasts.as_secs(),
            },
            News::Code { code, lasts } => Told::Code {
                code,
                expires_in_s: lasts.as_secs(),
            },
            News::CodesSpent => return Ok(Some(Over::Failed("codes_spent", None))),
            News::Refused(why) => return Ok(Some(Over::Failed(why, None))),
            News::Linked { phone } => {
                // First what the account's keys are, then that it is linked: never the second without the first.
                link.flush().await?;
                self.hold
                    .linked(&self.hub, &phone, link.push_name().as_deref())
                    .await?;
                pairing::tell(&self.hub, &pairing.id, &Told::Linked { phone }).await;
                self.hold
                    .observe(&self.hub, &Observation::plain(Observed::Connecting))
                    .await?;
                tracing::info!(session.id = %self.hold.session, "Session {} is linked", self.hold.session);
                return Ok(Some(Over::Linked));
            }
            News::Qr { .. } | News::Connected => return Ok(None),
        };
        pairing::tell(&self.hub, &pairing.id, &told).await;
        Ok(None)
    }

    async fn fail(
        &self,
        wanted: &Wanted,
        pairing: &Pairing,
        why: &'static str,
        left_in: Option<Observed>,
    ) -> hub::Result<()> {
        // One that was linked before is as logged out as it was; its keys are gone.
        let before = if wanted.is_linked {
            Observed::LoggedOut
        } else {
            Observed::New
        };
        let seen = Observation::because(left_in.unwrap_or(before), why);
        self.hold.pairing_ended(&self.hub, &pairing.id, &seen).await?;
        let reason = why.to_owned();
        pairing::tell(&self.hub, &pairing.id, &Told::Failed { reason }).await;
        Ok(())
    }
}

fn failed(end: &End) -> Over {
    match end {
        End::PasskeyNeeded => Over::Failed("passkey_needed", Some(Observed::PasskeyNeeded)),
        End::Outdated => Over::Failed("outdated", Some(Observed::Outdated)),
        End::LoggedOut(_) | End::Replaced | End::Banned { .. } => Over::Failed("refused", None),
        End::Lost(_) => Over::Failed("network", None),
    }
}
