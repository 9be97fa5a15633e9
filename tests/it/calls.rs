//! Telephony end to end: an emulated Twilio carries real speech to the real role, an emulated model answers.

mod agent;
mod browser;
mod fallback;
mod office;
mod receptionist;
mod webhooks;
