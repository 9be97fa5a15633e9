//! Groups: who is in one, and how it is told.
use std::collections::BTreeSet;

use whatsapp_rust::Jid;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use crate::address::Phone;
use crate::clock;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) creator: Phone,
    pub(crate) created_s: u64,
    pub(crate) members: BTreeSet<Phone>,
    /// Members are named by LID.
    pub(crate) by_lid: bool,
}

impl Group {
    pub(crate) fn new(
        id: String,
        subject: &str,
        creator: Phone,
        members: impl IntoIterator<Item = Phone>,
    ) -> Self {
        let mut members: BTreeSet<Phone> = members.into_iter().collect();
        members.insert(creator);
        Self {
            id,
            subject: subject.to_owned(),
            creator,
            created_s: clock::unix_s(),
            members,
            by_lid: false,
        }
    }

    pub(crate) fn jid(&self) -> Jid {
        Jid::group(self.id.as_str())
    }

    pub(crate) fn addressing(&self) -> &'static str {
        if self.by_lid { "lid" } else { "pn" }
    }

    /// How a member is named in it.
    pub(crate) fn name_of(&self, phone: Phone, device: u16) -> Jid {
        if self.by_lid {
            phone.lid_device(device)
        } else {
            phone.pn_device(device)
        }
    }

    pub(crate) fn member(&self, phone: Phone) -> Node {
        let member = NodeBuilder::new("participant").attr("jid", self.name_of(phone, 0));
        let member = if self.by_lid {
            member.attr("phone_number", phone.pn())
        } else {
            member.attr("lid", phone.lid())
        };
        if phone == self.creator {
            member.attr("type", "superadmin").build()
        } else {
            member.build()
        }
    }

    /// Everything there is to know about it.
    pub(crate) fn node(&self) -> Node {
        NodeBuilder::new("group")
            .attr("id", self.id.clone())
            .attr("subject", self.subject.clone())
            .attr("s_t", self.created_s.to_string())
            .attr("creation", self.created_s.to_string())
            .attr("creator", self.name_of(self.creator, 0))
            .attr("addressing_mode", self.addressing())
            .attr("size", self.members.len().to_string())
            .children(self.members.iter().map(|phone| self.member(*phone)))
            .build()
    }
}
