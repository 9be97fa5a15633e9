//! Telephony: Twilio voice webhooks, media streams, voice agents, listeners.
