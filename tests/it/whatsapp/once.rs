//! How often what staff said has reached a customer: counted at the end and over everything, by the customer's own client
//! and by WhatsApp. What was heard first says nothing of what came after it, nor of what came under another id.

use std::collections::{BTreeMap, BTreeSet};

use fake_wa::{Customer, Phone};

use super::{PATIENCE, Shop, patience};

/// What reached a customer of one text.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Under which ids the customer was shown it.
    pub(super) ids: BTreeSet<String>,
    /// How often the customer's client could read it.
    pub(super) shown: usize,
    /// How often WhatsApp took it in, under these ids.
    pub(super) relayed: usize,
}

impl Shop {
    /// Each of these texts, and nothing else, was said by `from` to this customer, and each was sent and shown once: nothing
    /// died while they were under way.
    pub(super) async fn said_once(&self, from: Phone, customer: &Customer, texts: &[impl AsRef<str>]) {
        for (text, reached) in self.said_under_one_id(from, customer, texts).await {
            assert_eq!((reached.shown, reached.relayed), (1, 1), "{text}: {reached:?}");
        }
    }

    /// Each of these texts, and nothing else, was said by `from` to this customer, and each under one id, by which a phone
    /// takes a second try for what it has. Answers how each fared.
    pub(super) async fn said_under_one_id(
        &self,
        from: Phone,
        customer: &Customer,
        texts: &[impl AsRef<str>],
    ) -> BTreeMap<String, Reached> {
        for text in texts {
            let said = |news: &serde_json::Value| news["text"] == text.as_ref();
            customer.received(patience(), said).await.unwrap();
        }
        self.until_all_is_there(customer).await;
        let relayed = self.relayed(from, customer);
        let mut all: BTreeMap<String, Reached> = BTreeMap::new();
        for news in customer.news(0) {
            if news.kind == "message" && news.data["from"] == from.to_string() {
                let reached = all.entry(news.data["text"].to_string()).or_default();
                reached.shown += 1;
                reached.ids.insert(news.data["id"].as_str().unwrap().to_owned());
            }
        }
        for reached in all.values_mut() {
            reached.relayed = relayed.iter().filter(|id| reached.ids.contains(*id)).count();
        }
        for (text, reached) in &all {
            assert_eq!(reached.ids.len(), 1, "{text}: {reached:?}");
            // The network invents nothing: what was shown twice was sent twice.
            assert!(reached.shown <= reached.relayed, "{text}: {reached:?}");
        }
        let said: BTreeSet<String> = texts.iter().map(|text| format!("{:?}", text.as_ref())).collect();
        assert_eq!(
            all.keys().cloned().collect::<BTreeSet<_>>(),
            said,
            "no other text"
        );
        // One that the customer's client could not read would be missed above.
        let ids: BTreeSet<&String> = all.values().flat_map(|reached| &reached.ids).collect();
        assert_eq!(relayed.iter().collect::<BTreeSet<_>>(), ids, "no other id");
        all
    }

    /// The ids of what WhatsApp took in from `from` for this customer, as often as it did.
    pub(super) fn relayed(&self, from: Phone, customer: &Customer) -> Vec<String> {
        let theirs = format!("{}:{}", customer.phone, customer.device);
        let effects = self.whatsapp.effects(0).into_iter();
        let messages =
            effects.filter(|effect| effect.kind == "message" && effect.data["phone"] == from.to_string());
        let theirs = messages.filter(|effect| {
            let copies = effect.data["copies"].as_array().unwrap();
            copies.iter().any(|copy| *copy == theirs)
        });
        theirs
            .map(|effect| effect.data["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Until no session has anything to say, and the customer's client has taken everything that there is for it.
    async fn until_all_is_there(&self, customer: &Customer) {
        let open = "SELECT count(*) FROM session_outbox WHERE state IN ('ready', 'sending')";
        self.until(open, 0).await;
        let taken = async {
            while self.whatsapp.waiting(customer.phone, customer.device).unwrap() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, taken).await;
        assert!(waited.is_ok(), "{} does not take what there is", customer.phone);
    }
}
