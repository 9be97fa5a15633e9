//! Linking a device: offers to newcomers, and the owner's phone that takes one up by scanning a QR.
use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use whatsapp_rust::buffa::Message as _;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::waproto::whatsapp as wa;

use crate::account::{Account, Device, RAW_ID};
use crate::address::Phone;
use crate::clock;
use crate::connection::Connection;
use crate::stanza;
use crate::world::{State, World, stream_error};

pub(crate) mod code;

/// QR codes that one connection can show, one after the other.
const REFS: usize = 6;

/// What the phone's signature of a device is about.
const ACCOUNT_PREFIX: [u8; 2] = [6, 0];

/// What a device's own signature is about.
const DEVICE_PREFIX: [u8; 2] = [6, 1];

/// One newcomer's connection and what has become of it.
pub(crate) struct Offer {
    pub(crate) connection: Connection,
    noise: [u8; 32],
    identity: [u8; 32],
    refs: Vec<String>,
    code: Option<code::CodeOffer>,
    /// The device that it is about to be, and the request that told it so.
    taken: Option<(Phone, u16, String)>,
}

/// All newcomers, by connection.
#[derive(Default)]
pub(crate) struct Offers(HashMap<u64, Offer>);

impl Offers {
    /// A newcomer: gets what its QR codes are made of.
    pub(crate) fn open(&mut self, connection: &Connection, noise: [u8; 32], identity: [u8; 32]) {
        let refs: Vec<String> = (0..REFS).map(|_| fresh_ref()).collect();
        let nodes = refs
            .iter()
            .map(|fresh| NodeBuilder::new("ref").bytes(fresh.as_bytes()).build());
        let pair = NodeBuilder::new("pair-device").children(nodes).build();
        connection.send(request("md", vec![pair]));
        let offer = Offer {
            connection: connection.clone(),
            noise,
            identity,
            refs,
            code: None,
            taken: None,
        };
        self.0.insert(connection.id, offer);
    }

    pub(crate) fn close(&mut self, connection: u64) {
        self.0.remove(&connection);
    }

    pub(crate) fn of(&mut self, connection: u64) -> Result<&mut Offer> {
        self.0.get_mut(&connection).context("the connection has no offer")
    }

    fn by_ref(&mut self, wanted: &str) -> Result<&mut Offer> {
        self.0
            .values_mut()
            .find(|offer| offer.refs.iter().any(|known| known == wanted))
            .context("nobody shows a QR with this ref")
    }
}

fn fresh_ref() -> String {
    format!("2@{}", BASE64_STANDARD.encode(rand::random::<[u8; 24]>()))
}

/// A request of the server's own.
fn request(namespace: &str, content: Vec<Node>) -> Node {
    NodeBuilder::new("iq")
        .attr("from", stanza::SERVER)
        .attr("type", "set")
        .attr("id", stanza::fresh_id())
        .attr("xmlns", namespace)
        .attr("t", clock::unix_s().to_string())
        .children(content)
        .build()
}

/// What a QR says.
struct Shown {
    reference: String,
    noise: [u8; 32],
    identity: [u8; 32],
    secret: [u8; 32],
}

impl Shown {
    fn read(qr: &str) -> Result<Self> {
        // Some clients put the code into a link.
        let body = qr.rsplit_once('#').map_or(qr, |(_, body)| body);
        let mut fields = body.split(',');
        let reference = fields.next().context("find the ref")?.to_owned();
        let mut key = || -> Result<[u8; 32]> {
            let bytes = BASE64_STANDARD.decode(fields.next().context("find a key")?)?;
            bytes.as_slice().try_into().context("read the 32 bytes of a key")
        };
        Ok(Self {
            reference,
            noise: key()?,
            identity: key()?,
            secret: key()?,
        })
    }
}

/// The owner of `phone` scans a QR: the device that shows it is linked. Its number.
pub(crate) fn scan(world: &World, qr: &str, phone: Phone) -> Result<u16> {
    let shown = Shown::read(qr)?;
    let mut state = world.state();
    let offer = state.offers.by_ref(&shown.reference)?;
    if offer.noise != shown.noise || offer.identity != shown.identity {
        bail!("the QR names other keys than the connection that shows it");
    }
    let connection = offer.connection.id;
    accept(world, &mut state, connection, phone, &shown.secret)
}

/// Signs the newcomer's identity and tells it which device it is.
fn accept(world: &World, state: &mut State, connection: u64, phone: Phone, secret: &[u8]) -> Result<u16> {
    let account = state.open_account(phone, &format!("Business {phone}"))?;
    let number = account.next_device;
    account.next_device += 1;
    let account = account.clone();
    let offer = state.offers.of(connection)?;
    let signed = sign(&account, number, &offer.identity)?.encode_to_vec();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).context("key the container")?;
    mac.update(&signed);
    let container = wa::ADVSignedDeviceIdentityHMAC {
        details: Some(signed),
        hmac: Some(mac.finalize().into_bytes().to_vec()),
        ..Default::default()
    };
    let success = NodeBuilder::new("pair-success").children([
        NodeBuilder::new("device-identity")
            .bytes(container.encode_to_vec())
            .build(),
        NodeBuilder::new("device")
            .attr("jid", phone.pn_device(number))
            .attr("lid", phone.lid_device(number))
            .build(),
        NodeBuilder::new("platform").attr("name", "android").build(),
        NodeBuilder::new("biz").attr("name", account.name.clone()).build(),
        client_props(account.by_lid),
    ]);
    // A QR links one device.
    offer.refs.clear();
    let told = request("md", vec![success.build()]);
    offer.taken = Some((phone, number, stanza::attr(&told, "id")));
    offer.connection.send(told);
    world
        .ledger
        .record("pairing.accepted", json!({"phone": phone, "device": number}));
    Ok(number)
}

fn client_props(by_lid: bool) -> Node {
    let props = wa::ClientPairingProps {
        is_chat_db_lid_migrated: Some(by_lid),
        ..Default::default()
    };
    NodeBuilder::new("client-props")
        .bytes(props.encode_to_vec())
        .build()
}

/// The phone's signature over a device's identity.
fn sign(account: &Account, number: u16, identity: &[u8; 32]) -> Result<wa::ADVSignedDeviceIdentity> {
    let details = wa::ADVDeviceIdentity {
        raw_id: Some(RAW_ID),
        timestamp: Some(clock::unix_s()),
        key_index: Some(u32::from(number)),
        ..Default::default()
    }
    .encode_to_vec();
    let about = [&ACCOUNT_PREFIX[..], &details, identity].concat();
    let signature = account
        .key
        .private_key
        .calculate_signature(&about, &mut rand::rng())?;
    Ok(wa::ADVSignedDeviceIdentity {
        details: Some(details),
        account_signature_key: Some(account.key.public_key.public_key_bytes().to_vec()),
        account_signature: Some(signature.to_vec()),
        ..Default::default()
    })
}

/// Both signatures at once, for a device whose key we hold ourselves.
pub(crate) fn sign_both(
    account: &Account,
    number: u16,
    identity: &whatsapp_rust::wacore::libsignal::protocol::KeyPair,
) -> Result<wa::ADVSignedDeviceIdentity> {
    let public = identity.public_key.public_key_bytes();
    let mut signed = sign(account, number, public.try_into().context("read the identity")?)?;
    let details = signed.details.clone().unwrap_or_default();
    let account_key = account.key.public_key.public_key_bytes();
    let about = [&DEVICE_PREFIX[..], &details, public, account_key].concat();
    let signature = identity
        .private_key
        .calculate_signature(&about, &mut rand::rng())?;
    signed.device_signature = Some(signature.to_vec());
    Ok(signed)
}

/// The newcomer's answer: it has signed as well, or it does not believe us.
pub(crate) fn answered(world: &World, connection: &Connection, answer: &Node) -> Result<()> {
    let mut state = world.state();
    let offer = state.offers.of(connection.id)?;
    let answers = |(_, _, id): &mut (Phone, u16, String)| stanza::attr(answer, "id") == *id;
    let Some((phone, number, _)) = offer.taken.take_if(answers) else {
        // The receipt of the refs, which may come after the scan.
        return Ok(());
    };
    let Some(signed) = answer.get_optional_child("pair-device-sign") else {
        world.ledger.record(
            "pairing.refused",
            json!({"phone": phone, "device": number, "answer": stanza::attr(answer, "type")}),
        );
        return Ok(());
    };
    let mut device = Device::new(offer.noise);
    device.signed_identity = stanza::child_bytes(signed, "device-identity")?;
    state.account(phone)?.devices.insert(number, device);
    state.tell_devices(phone, "add", number)?;
    world
        .ledger
        .record("paired", json!({"phone": phone, "device": number}));
    // The client closes at this, and takes another close for the end of its next connection.
    connection.send(stream_error(Some(515), None));
    Ok(())
}
