//! How a tenant wants its telephone answered: who speaks, in which words, when, and what callers get otherwise.

mod check;
mod hours;

pub use hours::{Day, Hours, Opening};

use serde::{Deserialize, Serialize};

use crate::Hub;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::feed::NewEvent;
use crate::ids::TenantId;

/// The settings, whole. A new one is a new field with a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// What the agent calls itself.
    pub name: String,
    /// Who answers.
    pub agent: AgentKind,
    /// One of the model's voices.
    pub voice: String,
    /// The first words a caller hears.
    pub greeting: String,
    /// What the agent should know and do.
    pub instructions: String,
    /// BCP 47.
    pub language: String,
    /// A call ends politely after this.
    pub max_duration_s: u32,
    /// A caller who says nothing for this long is asked, then let go.
    pub silence_s: u32,
    /// What callers get when all lines are taken.
    pub over_capacity: Fallback,
    /// What callers get when the business is closed.
    pub outside_hours: ClosedRule,
    /// Where calls are forwarded to.
    pub forward_to: Option<String>,
    /// When the business is open; always, when unset.
    pub hours: Option<Hours>,
    /// The receptionist's keys.
    pub menu: Vec<MenuItem>,
    /// The only numbers a call is ever transferred to.
    pub transfer_targets: Vec<TransferTarget>,
    /// What the agent may do.
    pub tools: Tools,
}

/// Who answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// The AI, over OpenAI Realtime.
    #[default]
    Realtime,
    /// A menu of keys; no AI.
    Receptionist,
}

impl AgentKind {
    /// The name in rows and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Receptionist => "receptionist",
        }
    }
}

/// What a caller gets instead of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AgentFallback)]
pub enum Fallback {
    /// They leave a message.
    #[default]
    Voicemail,
    /// They are connected to `forward_to`.
    Forward,
}

/// What happens outside of the hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AgentClosedRule)]
pub enum ClosedRule {
    /// The agent answers all the same, and knows that it is closed.
    #[default]
    Answer,
    /// They leave a message.
    Voicemail,
    /// They are connected to `forward_to`.
    Forward,
}

/// One key of the receptionist's menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AgentMenuItem)]
pub struct MenuItem {
    /// The key.
    pub digit: String,
    /// What it is for, as it is spoken: "leave a message".
    pub label: String,
    /// What it does.
    pub action: MenuAction,
    /// For a transfer: the name or number of one of `transfer_targets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_to: Option<String>,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AgentMenuAction)]
pub enum MenuAction {
    /// Takes a message.
    Message,
    /// Connects to a person.
    Transfer,
    /// Says goodbye.
    HangUp,
}

/// A number calls may be transferred to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AgentTransferTarget)]
pub struct TransferTarget {
    /// What the agent calls it: "sales".
    pub name: String,
    /// E.164.
    pub number: String,
}

/// What the agent may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the screen"
)]
#[schema(as = AgentTools)]
pub struct Tools {
    /// Write a message into the inbox for staff.
    pub take_message: bool,
    /// Connect the caller to one of `transfer_targets`.
    pub transfer: bool,
    /// Send the caller a text.
    pub send_sms: bool,
    /// End the call.
    pub hang_up: bool,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            take_message: true,
            transfer: true,
            send_sms: true,
            hang_up: true,
        }
    }
}

impl Default for AgentSettings {
    fn default() -> Self {
        let menu = [
            ("1", "leave a message", MenuAction::Message),
            ("9", "end the call", MenuAction::HangUp),
        ];
        Self {
            name: "Mia".to_owned(),
            agent: AgentKind::Realtime,
            voice: "marin".to_owned(),
            greeting: "Hello, thank you for calling. How can I help you?".to_owned(),
            instructions: String::new(),
            language: "en".to_owned(),
            max_duration_s: 1_800,
            silence_s: 20,
            over_capacity: Fallback::Voicemail,
            outside_hours: ClosedRule::Answer,
            forward_to: None,
            hours: None,
            menu: menu
                .map(|(digit, label, action)| MenuItem {
                    digit: digit.to_owned(),
                    label: label.to_owned(),
                    action,
                    transfer_to: None,
                })
                .to_vec(),
            transfer_targets: Vec::new(),
            tools: Tools::default(),
        }
    }
}

impl AgentSettings {
    /// The number of a transfer target, by its name (in any case) or by the number itself; `None` for any other: the
    /// list, not the asker, decides where a call can go.
    pub fn target(&self, asked: &str) -> Option<&TransferTarget> {
        let asked = asked.trim();
        self.transfer_targets
            .iter()
            .find(|target| target.name.eq_ignore_ascii_case(asked) || target.number == asked)
    }
}

/// The tenant's settings and their version; the defaults as version 0 until somebody sets them.
pub async fn get(tx: &mut Tx) -> Result<(AgentSettings, i32)> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "SELECT settings, version FROM agent_settings WHERE tenant_id = $1",
        tenant.uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    match row {
        None => Ok((AgentSettings::default(), 0)),
        Some(row) => Ok((
            serde_json::from_value(row.settings).map_err(anyhow::Error::from)?,
            row.version,
        )),
    }
}

/// Sets them all; `Stale` unless `expected` (when given) is the current version. Answers the new version.
pub async fn put(
    hub: &Hub,
    tenant: TenantId,
    settings: &AgentSettings,
    expected: Option<i32>,
) -> Result<i32> {
    check::check(settings)?;
    let mut tx = hub.db.tenant(tenant).await?;
    let now = tx.now();
    let value = serde_json::to_value(settings).map_err(anyhow::Error::from)?;
    let version = sqlx::query_scalar!(
        "INSERT INTO agent_settings (tenant_id, settings, version, updated_at) VALUES ($1, $2, 1, $3)
         ON CONFLICT (tenant_id) DO UPDATE SET settings = $2, version = agent_settings.version + 1, updated_at = $3
         WHERE $4::integer IS NULL OR agent_settings.version = $4
         RETURNING version",
        tenant.uuid(),
        value,
        now as _,
        expected
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(Error::Stale)?;
    // The first row is version 1; somebody who saw the defaults (0) and is first is right, anybody else is stale.
    if version == 1 && expected.is_some_and(|expected| expected != 0) {
        return Err(Error::Stale);
    }
    tx.emit(NewEvent::new(
        "agent_settings.updated",
        &serde_json::json!({ "version": version }),
    )?);
    tx.commit().await?;
    Ok(version)
}
