//! Linking by phone code: the owner's phone, into which the code is typed that the newcomer shows.
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use whatsapp_rust::wacore::crypto::hkdf_sha256_into;
use whatsapp_rust::wacore::libsignal::crypto::aes_256_gcm_decrypt;
use whatsapp_rust::wacore::libsignal::protocol::{KeyPair, PublicKey};
use whatsapp_rust::wacore::pair_code::PairCodeUtils;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

use super::accept;
use crate::address::Phone;
use crate::connection::Connection;
use crate::stanza;
use crate::world::World;

/// What the key of the bundle is derived for.
const BUNDLE_KEY: &[u8] = b"link_code_pairing_key_bundle_encryption_key";

/// A newcomer that shows a code for one number.
pub(crate) struct CodeOffer {
    phone: Phone,
    reference: Vec<u8>,
    /// The newcomer's ephemeral key, wrapped with the code.
    wrapped: Vec<u8>,
    /// Once the code was typed: the phone's ephemeral key, and what it took the newcomer's for.
    typed: Option<(KeyPair, [u8; 32])>,
}

/// A request of the newcomer's: `companion_hello` or `companion_finish`.
pub(crate) fn requested(world: &World, connection: &Connection, request: &Node) -> Result<()> {
    let step = request
        .get_optional_child("link_code_companion_reg")
        .context("find the registration")?;
    match stanza::attr(step, "stage").as_str() {
        "companion_hello" => hello(world, connection, request, step),
        "companion_finish" => finish(world, connection, request, step),
        stage => anyhow::bail!("there is no stage {stage}"),
    }
}

fn hello(world: &World, connection: &Connection, request: &Node, step: &Node) -> Result<()> {
    let mut state = world.state();
    if let Some(code) = state.faults.phone_code {
        connection.send(stanza::error(request, code, refusal(code)));
        return Ok(());
    }
    let jid = stanza::jid(step, "jid").context("find the number")?;
    let (phone, _) = Phone::of(&jid).context("read the number")?;
    let reference = rand::random::<[u8; 16]>().to_vec();
    let offer = state.offers.of(connection.id)?;
    let noise = stanza::child_key(step, "companion_server_auth_key_pub")?;
    ensure!(noise == offer.noise, "the request names another Noise key");
    offer.code = Some(CodeOffer {
        phone,
        reference: reference.clone(),
        wrapped: stanza::child_bytes(step, "link_code_pairing_wrapped_companion_ephemeral_pub")?,
        typed: None,
    });
    world.ledger.record("pairing.code", json!({"phone": phone}));
    let reference = NodeBuilder::new("link_code_pairing_ref").bytes(reference).build();
    let answer = NodeBuilder::new("link_code_companion_reg")
        .children([reference])
        .build();
    connection.send(stanza::result(request, vec![answer]));
    Ok(())
}

/// The words that go with a refusal's number.
fn refusal(code: u16) -> &'static str {
    match code {
        429 => "rate-overlimit",
        452 => "feature-not-available",
        403 => "forbidden",
        500 => "internal-server-error",
        _ => "bad-request",
    }
}

/// The owner types the code; the newcomer is greeted, and linked once it has proved that it showed this code.
pub(crate) async fn type_code(world: Arc<World>, phone: Phone, code: String) -> Result<()> {
    let (connection, wrapped, reference) = {
        let mut state = world.state();
        let offer = state
            .offers
            .0
            .values_mut()
            .find(|offer| offer.code.as_ref().is_some_and(|code| code.phone == phone))
            .with_context(|| format!("nobody shows a code for {phone}"))?;
        let code = offer.code.as_ref().context("find the code")?;
        (
            offer.connection.clone(),
            code.wrapped.clone(),
            code.reference.clone(),
        )
    };
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    // The key is derived slowly on purpose.
    let (theirs, ours, hello) = tokio::task::spawn_blocking(move || -> Result<_> {
        let theirs = PairCodeUtils::decrypt_primary_ephemeral_pub(&wrapped, &code)?;
        let ours = KeyPair::generate(&mut rand::rng());
        let public = ours
            .public_key
            .public_key_bytes()
            .try_into()
            .context("read a key")?;
        let hello = PairCodeUtils::encrypt_ephemeral_pub(public, &code).to_vec();
        Ok((theirs, ours, hello))
    })
    .await??;
    let mut state = world.state();
    let account = state.open_account(phone, &format!("Business {phone}"))?;
    let identity = account.key.public_key.public_key_bytes().to_vec();
    let offer = state.offers.of(connection.id)?;
    offer.code.as_mut().context("the code was withdrawn")?.typed = Some((ours, theirs));
    let step = NodeBuilder::new("link_code_companion_reg")
        .attr("stage", "primary_hello")
        .children([
            NodeBuilder::new("link_code_pairing_wrapped_primary_ephemeral_pub")
                .bytes(hello)
                .build(),
            NodeBuilder::new("primary_identity_pub").bytes(identity).build(),
            NodeBuilder::new("link_code_pairing_ref").bytes(reference).build(),
        ])
        .build();
    connection.send(stanza::notification(
        "link_code_companion_reg",
        stanza::SERVER,
        vec![step],
    ));
    Ok(())
}

fn finish(world: &World, connection: &Connection, request: &Node, step: &Node) -> Result<()> {
    let mut state = world.state();
    let offer = state.offers.of(connection.id)?;
    let code = offer.code.as_ref().context("no code was asked for")?;
    let phone = code.phone;
    let typed = code.typed.clone().context("no code was typed")?;
    ensure!(
        stanza::child_bytes(step, "link_code_pairing_ref")? == code.reference,
        "another code's ref"
    );
    let identity = stanza::child_key(step, "companion_identity_public")?;
    ensure!(identity == offer.identity, "the request names another identity");
    let bundle = stanza::child_bytes(step, "link_code_pairing_wrapped_key_bundle")?;
    let key = state.account(phone)?.key.clone();
    connection.send(stanza::result(request, Vec::new()));
    // A phone that cannot open the bundle was given another code than the one on the screen, and stays silent.
    match open(&key, &typed, &identity, &bundle) {
        Ok(secret) => {
            accept(world, &mut state, connection.id, phone, &secret)?;
        }
        Err(error) => {
            let why = format!("{error:#}");
            world
                .ledger
                .record("pairing.wrong_code", json!({"phone": phone, "why": why}));
        }
    }
    Ok(())
}

/// The secret that only a newcomer can share that showed the typed code.
fn open(
    phone: &KeyPair,
    typed: &(KeyPair, [u8; 32]),
    identity: &[u8; 32],
    bundle: &[u8],
) -> Result<[u8; 32]> {
    let agree = |ours: &KeyPair, theirs: &[u8; 32]| -> Result<Vec<u8>> {
        let theirs = PublicKey::from_djb_public_key_bytes(theirs)?;
        Ok(ours.private_key.calculate_agreement(&theirs)?.to_vec())
    };
    let (salt, rest) = bundle.split_at_checked(32).context("find the salt")?;
    let (nonce, sealed) = rest.split_at_checked(12).context("find the nonce")?;
    let ephemeral = agree(&typed.0, &typed.1)?;
    let mut key = [0; 32];
    hkdf_sha256_into(&ephemeral, Some(salt), BUNDLE_KEY, &mut key)?;
    let mut plain = Vec::new();
    aes_256_gcm_decrypt(
        &key,
        nonce.try_into().context("read the nonce")?,
        b"",
        sealed,
        &mut plain,
    )
    .map_err(|error| anyhow::anyhow!("open the bundle: {error}"))?;
    let (theirs, rest) = plain
        .split_at_checked(32)
        .context("find the newcomer's identity")?;
    let (ours, random) = rest.split_at_checked(32).context("find the phone's identity")?;
    ensure!(
        theirs == identity && ours == phone.public_key.public_key_bytes(),
        "the bundle is about other identities"
    );
    let combined = [&ephemeral[..], &agree(phone, identity)?, random].concat();
    let mut secret = [0; 32];
    hkdf_sha256_into(&combined, None, b"adv_secret", &mut secret)?;
    Ok(secret)
}
