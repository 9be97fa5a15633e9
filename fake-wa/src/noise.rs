//! The server's side of the Noise handshake: XX for newcomers, IK for who knows the key, and the fall-back between.
use anyhow::{Context, Result, ensure};
use whatsapp_rust::buffa::{Message as _, MessageField};
use whatsapp_rust::wacore::handshake::NoiseHandshake;
use whatsapp_rust::wacore::libsignal::protocol::KeyPair;
use whatsapp_rust::wacore::noise::NoiseCipher;
use whatsapp_rust::wacore::store::{CachedNoiseCert, CachedServerCertChain};
use whatsapp_rust::wacore_binary::consts::{
    NOISE_PATTERN_IK, NOISE_PATTERN_XX, NOISE_PATTERN_XXFALLBACK, WA_CONN_HEADER,
};
use whatsapp_rust::waproto::whatsapp as wa;

/// The life of the made-up certificates.
const NOT_BEFORE: u64 = 1_700_000_000;
const NOT_AFTER: u64 = 4_000_000_000;

/// The key of the made-up issuer; nobody verifies its signatures.
const ISSUER: [u8; 32] = [9; 32];

/// The server's static key and its certificates.
pub(crate) struct Identity {
    key: KeyPair,
    chain: Vec<u8>,
}

impl Identity {
    pub(crate) fn generate() -> Self {
        let key = KeyPair::generate(&mut rand::rng());
        let chain = chain(key.public_key.public_key_bytes());
        Self { key, chain }
    }

    fn public(&self) -> &[u8] {
        self.key.public_key.public_key_bytes()
    }

    /// What a client keeps of the chain after its first login, to resume with IK.
    pub(crate) fn pinned(&self) -> Result<CachedServerCertChain> {
        let certificate = |key| CachedNoiseCert {
            key,
            not_before: NOT_BEFORE.cast_signed(),
            not_after: NOT_AFTER.cast_signed(),
        };
        Ok(CachedServerCertChain {
            intermediate: certificate(ISSUER),
            leaf: certificate(self.public().try_into().context("read the server's key")?),
        })
    }
}

/// A chain of the right shape, signed by nobody.
pub(crate) fn chain(leaf_key: &[u8]) -> Vec<u8> {
    use wa::cert_chain::NoiseCertificate;
    use wa::cert_chain::noise_certificate::Details;
    let signed = |serial, issuer_serial, key: &[u8]| {
        let details = Details {
            serial: Some(serial),
            issuer_serial: Some(issuer_serial),
            key: Some(key.to_vec()),
            not_before: Some(NOT_BEFORE),
            not_after: Some(NOT_AFTER),
        };
        MessageField::some(NoiseCertificate {
            details: Some(details.encode_to_vec()),
            signature: Some(vec![0; 64]),
        })
    };
    wa::CertChain {
        leaf: signed(2, 1, leaf_key),
        intermediate: signed(1, 0, &ISSUER),
    }
    .encode_to_vec()
}

/// Both directions' keys, who logged in with which static key, and what it said.
pub(crate) struct Secured {
    pub(crate) pattern: &'static str,
    pub(crate) reader: NoiseCipher,
    pub(crate) writer: NoiseCipher,
    pub(crate) client: [u8; 32],
    pub(crate) payload: Vec<u8>,
}

/// What to do with a client's hello.
pub(crate) enum Greeting {
    /// Send this; the client is already known (IK).
    Done(Vec<u8>, Box<Secured>),
    /// Send this and wait for the client's finish (XX).
    Continue(Vec<u8>, Box<Waiting>),
}

/// Between the server's hello and the client's finish.
pub(crate) struct Waiting {
    pattern: &'static str,
    noise: NoiseHandshake,
    ephemeral: KeyPair,
}

/// Reads the client's hello.
pub(crate) fn greet(identity: &Identity, frame: &[u8]) -> Result<Greeting> {
    let hello = wa::HandshakeMessage::decode_from_slice(frame)
        .context("decode the client's hello")?
        .client_hello
        .into_option()
        .context("find the client's hello")?;
    let theirs = hello.ephemeral.context("find the client's ephemeral key")?;
    ensure!(theirs.len() == 32, "an ephemeral key has 32 bytes");
    match (hello.r#static, hello.payload) {
        (Some(key), Some(payload)) => match resume(identity, &theirs, &key, &payload) {
            Ok((answer, secured)) => Ok(Greeting::Done(answer, Box::new(secured))),
            // The client knows another server's key: start over, from the ephemeral key that it has already sent.
            Err(_) => introduce(identity, &theirs, "XXfallback", NOISE_PATTERN_XXFALLBACK),
        },
        _ => introduce(identity, &theirs, "XX", NOISE_PATTERN_XX),
    }
}

fn introduce(identity: &Identity, theirs: &[u8], name: &'static str, pattern: &str) -> Result<Greeting> {
    let ephemeral = KeyPair::generate(&mut rand::rng());
    let mut noise = NoiseHandshake::new(pattern, &WA_CONN_HEADER)?;
    noise.authenticate(theirs);
    noise.authenticate(ephemeral.public_key.public_key_bytes());
    noise.mix_shared_secret(ephemeral.private_key.serialize(), theirs)?;
    let key = noise.encrypt(identity.public())?;
    noise.mix_shared_secret(identity.key.private_key.serialize(), theirs)?;
    let chain = noise.encrypt(&identity.chain)?;
    let answer = hello(&ephemeral, Some(key), chain);
    let waiting = Waiting {
        pattern: name,
        noise,
        ephemeral,
    };
    Ok(Greeting::Continue(answer, Box::new(waiting)))
}

fn resume(identity: &Identity, theirs: &[u8], key: &[u8], payload: &[u8]) -> Result<(Vec<u8>, Secured)> {
    let mut noise = NoiseHandshake::new(NOISE_PATTERN_IK, &WA_CONN_HEADER)?;
    noise.authenticate(identity.public());
    noise.authenticate(theirs);
    noise.mix_shared_secret(identity.key.private_key.serialize(), theirs)?;
    let client = noise.decrypt(key)?;
    noise.mix_shared_secret(identity.key.private_key.serialize(), &client)?;
    let payload = noise.decrypt(payload)?;
    let ephemeral = KeyPair::generate(&mut rand::rng());
    noise.authenticate(ephemeral.public_key.public_key_bytes());
    noise.mix_shared_secret(ephemeral.private_key.serialize(), theirs)?;
    noise.mix_shared_secret(ephemeral.private_key.serialize(), &client)?;
    let chain = noise.encrypt(&identity.chain)?;
    let answer = hello(&ephemeral, None, chain);
    // The pair is named from the initiator's side: what it writes is what we read.
    let (reader, writer) = noise.finish()?;
    let secured = Secured {
        pattern: "IK",
        reader,
        writer,
        client: client.as_slice().try_into().context("read the client's key")?,
        payload,
    };
    Ok((answer, secured))
}

impl Waiting {
    /// Reads the client's finish.
    pub(crate) fn finish(mut self, frame: &[u8]) -> Result<Secured> {
        let finish = wa::HandshakeMessage::decode_from_slice(frame)
            .context("decode the client's finish")?
            .client_finish
            .into_option()
            .context("find the client's finish")?;
        let client = self
            .noise
            .decrypt(&finish.r#static.context("find the client's key")?)?;
        self.noise
            .mix_shared_secret(self.ephemeral.private_key.serialize(), &client)?;
        let payload = self
            .noise
            .decrypt(&finish.payload.context("find the client's payload")?)?;
        let (reader, writer) = self.noise.finish()?;
        Ok(Secured {
            pattern: self.pattern,
            reader,
            writer,
            client: client.as_slice().try_into().context("read the client's key")?,
            payload,
        })
    }
}

fn hello(ephemeral: &KeyPair, key: Option<Vec<u8>>, payload: Vec<u8>) -> Vec<u8> {
    let hello = wa::handshake_message::ServerHello {
        ephemeral: Some(ephemeral.public_key.public_key_bytes().to_vec()),
        r#static: key,
        payload: Some(payload),
        ..Default::default()
    };
    wa::HandshakeMessage {
        server_hello: MessageField::some(hello),
        ..Default::default()
    }
    .encode_to_vec()
}
