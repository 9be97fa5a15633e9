//! One person, two names: a number, and what WhatsApp calls somebody who hides it.

use fake_wa::{Customer, Faults, Said};

use super::{ANN, HERE, Shop, patience};

/// How WhatsApp calls the two of them without their numbers, here.
const HERE_HIDDEN: &str = "900000015550199@lid";
const ANN_HIDDEN: &str = "900000015550101@lid";

impl Shop {
    /// Whether WhatsApp keeps to itself which number is behind which name.
    fn hide(&self, hide_twins: bool) {
        self.whatsapp.set_faults(Faults {
            hide_twins,
            ..Faults::default()
        });
    }

    /// Ann's conversations, and what her addresses are.
    async fn known(&self) -> (i64, Vec<String>) {
        let mut admin = self.admin().await;
        let count = sqlx::query_scalar("SELECT count(*) FROM conversations");
        let addresses = sqlx::query_scalar("SELECT address FROM identities ORDER BY address");
        (
            count.fetch_one(&mut admin).await.unwrap(),
            addresses.fetch_all(&mut admin).await.unwrap(),
        )
    }
}

async fn write(customer: &Customer, to: &str, text: &str) -> String {
    let said = Said {
        to: to.to_owned(),
        text: Some(text.to_owned()),
        ..Said::default()
    };
    let id = customer.send(said).await.unwrap();
    customer.ticked(&id, "delivered", patience()).await.unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_by_number_stays_one_person_when_they_hide_it() {
    let (shop, shift) = Shop::linked().await;
    let customer = shop.customer().await;
    write(&customer, HERE, "By number.").await;
    shop.until_inbound(1).await;
    shop.hide(true);
    write(&customer, HERE_HIDDEN, "By name.").await;
    shop.until_inbound(2).await;
    let (conversations, addresses) = shop.known().await;
    assert_eq!(conversations, 1, "{addresses:?}");
    shift.stop().await;
    shop.whatsapp.stop().await;
}

/// The first words come from nobody knows whom, and stay with them when it is known.
#[tokio::test(flavor = "multi_thread")]
async fn who_hid_their_number_keeps_their_conversation_when_it_is_known() {
    let (shop, shift) = Shop::linked().await;
    shop.hide(true);
    let customer = shop.customer().await;
    let first = write(&customer, HERE_HIDDEN, "Are you open?").await;
    shop.until_inbound(1).await;
    assert_eq!(shop.known().await, (1, vec![ANN_HIDDEN.to_owned()]));
    shop.hide(false);
    write(&customer, HERE, "Today?").await;
    shop.until_inbound(2).await;
    assert_eq!(
        shop.known().await,
        (1, vec![ANN.to_owned(), ANN_HIDDEN.to_owned()])
    );
    // What they do to what they said under the other name finds it.
    let edit = Said {
        to: HERE.to_owned(),
        edit: Some(first),
        text: Some("Are you open tomorrow?".to_owned()),
        ..Said::default()
    };
    customer.send(edit).await.unwrap();
    shop.until(
        "SELECT count(*) FROM messages WHERE body = 'Are you open tomorrow?' AND edited_at IS NOT NULL",
        1,
    )
    .await;
    assert_eq!(shop.inbound().await.len(), 2);
    shift.stop().await;
    shop.whatsapp.stop().await;
}
