//! What is said without words, places or files of its own: buttons that were pressed, and kinds that are named and not shown.
//! Nothing that a person sent may vanish, so what nobody here has heard of is told as well.

use hub::session::inbound::Content;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message::buttons_response_message::Response;

/// A kind that came after this version, or that only a phone can show.
const UNHEARD_OF: &str = "message that only the phone shows";

/// An answer by a button, as words; anything else for people by what it is called; `None` for what devices tell each other.
pub(super) fn content(message: &wa::Message) -> Option<Content> {
    if let Some(body) = pressed(message).filter(|body| !body.is_empty()) {
        return Some(Content::Text { body });
    }
    let what = kind(message).or_else(|| is_for_people(message).then_some(UNHEARD_OF))?;
    Some(Content::Unsupported {
        what: what.to_owned(),
    })
}

/// What stands on the button or in the row that somebody chose.
fn pressed(message: &wa::Message) -> Option<String> {
    if let Some(button) = message.buttons_response_message.as_option() {
        return match &button.response {
            Some(Response::SelectedDisplayText(text)) => Some(text.clone()),
            None => button.selected_button_id.clone(),
        };
    }
    if let Some(row) = message.list_response_message.as_option() {
        return row.title.clone();
    }
    if let Some(button) = message.template_button_reply_message.as_option() {
        return button.selected_display_text.clone();
    }
    let form = message.interactive_response_message.as_option()?;
    form.body.as_option()?.text.clone()
}

fn kind(message: &wa::Message) -> Option<&'static str> {
    let polls = [
        message.poll_creation_message.is_set(),
        message.poll_creation_message_v2.is_set(),
        message.poll_creation_message_v3.is_set(),
        message.poll_creation_message_v5.is_set(),
        message.poll_creation_message_v6.is_set(),
    ];
    let payments = [
        message.send_payment_message.is_set(),
        message.request_payment_message.is_set(),
        message.decline_payment_request_message.is_set(),
        message.cancel_payment_request_message.is_set(),
        message.payment_invite_message.is_set(),
        message.invoice_message.is_set(),
    ];
    let kinds = [
        (polls.contains(&true), "poll"),
        (payments.contains(&true), "payment"),
        (message.live_location_message.is_set(), "live location"),
        (message.contacts_array_message.is_set(), "contacts"),
        (message.event_message.is_set(), "event"),
        (message.order_message.is_set(), "order"),
        (message.product_message.is_set(), "product"),
        (message.group_invite_message.is_set(), "group invitation"),
        (message.sticker_pack_message.is_set(), "sticker pack"),
        (message.call_log_messsage.is_set(), "call"),
        (message.secret_encrypted_message.is_set(), "change of a message"),
    ];
    kinds.into_iter().find(|(is_it, _)| *is_it).map(|(_, name)| name)
}

/// Whether anything is left without what devices tell each other, and without what only counts, pins or collects what is
/// said elsewhere.
fn is_for_people(message: &wa::Message) -> bool {
    let rest = wa::Message {
        conversation: None,
        sender_key_distribution_message: None.into(),
        fast_ratchet_key_sender_key_distribution_message: None.into(),
        device_sent_message: None.into(),
        message_context_info: None.into(),
        protocol_message: None.into(),
        chat: None.into(),
        call: None.into(),
        bcall_message: None.into(),
        sticker_sync_rmr_message: None.into(),
        poll_update_message: None.into(),
        poll_add_option_message: None.into(),
        poll_result_snapshot_message: None.into(),
        poll_result_snapshot_message_v3: None.into(),
        keep_in_chat_message: None.into(),
        pin_in_chat_message: None.into(),
        enc_reaction_message: None.into(),
        enc_event_response_message: None.into(),
        album_message: None.into(),
        message_history_bundle: None.into(),
        message_history_notice: None.into(),
        limit_sharing_message: None.into(),
        group_root_key_share: None.into(),
        root_secret_distribute_message: None.into(),
        status_mention_message: None.into(),
        group_status_mention_message: None.into(),
        status_notification_message: None.into(),
        status_sticker_interaction_message: None.into(),
        ..message.clone()
    };
    rest != wa::Message::default()
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::buffa::MessageField;

    use super::*;

    fn named(message: &wa::Message) -> Option<String> {
        match content(message)? {
            Content::Unsupported { what } => Some(what),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_pressed_button_is_what_stands_on_it() {
        let message = wa::Message {
            template_button_reply_message: MessageField::some(wa::message::TemplateButtonReplyMessage {
                selected_id: Some("yes-17".to_owned()),
                selected_display_text: Some("Yes, please".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let body = "Yes, please".to_owned();
        assert_eq!(content(&message), Some(Content::Text { body }));
    }

    #[test]
    fn what_people_send_is_named_and_nothing_of_it_vanishes() {
        let order = wa::Message {
            order_message: MessageField::some(wa::message::OrderMessage::default()),
            ..Default::default()
        };
        assert_eq!(named(&order).as_deref(), Some("order"));
        let unheard_of = wa::Message {
            comment_message: MessageField::some(wa::message::CommentMessage {
                target_message_key: MessageField::some(wa::MessageKey {
                    id: Some("3EB0".to_owned()),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            message_context_info: MessageField::some(wa::MessageContextInfo::default()),
            ..Default::default()
        };
        assert_eq!(named(&unheard_of).as_deref(), Some(UNHEARD_OF));
    }

    #[test]
    fn what_devices_tell_each_other_is_for_nobody() {
        let keys = wa::Message {
            sender_key_distribution_message: MessageField::some(
                wa::message::SenderKeyDistributionMessage::default(),
            ),
            message_context_info: MessageField::some(wa::MessageContextInfo::default()),
            ..Default::default()
        };
        assert_eq!(content(&keys), None);
        assert_eq!(content(&wa::Message::default()), None);
    }
}
