//! The ledger: every consent change, in a chain that shows where it was tampered with.
//!
//! Each [`Entry`] holds one [`Change`] as JSON text and the digest of the entry before it, so that an edited, removed,
//! inserted, repeated or moved entry breaks the chain at its place. The signed [`Head`] says how long the chain is and how
//! it ends, so that a chain cut short is noticed too.
//!
//! What it cannot show: that the whole ledger, head included, was put back to an older state. Only a
//! [receipt](crate::receipt) exported in between can.
use crate::{Change, hex};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Keeps these digests and signatures apart from any other use of the same functions.
const GENESIS_LABEL: &[u8] = b"consentry ledger 1 genesis";
const OLD_ENTRY_LABEL: &[u8] = b"consentry ledger 1 entry";
const ENTRY_LABEL: &[u8] = b"consentry ledger 2 entry";
const CHANGE_LABEL: &[u8] = b"consentry ledger 2 change";
const HEAD_LABEL: &[u8] = b"consentry ledger 1 head";

/// A SHA-256 digest (FIPS 180-4). As text: 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(#[serde(with = "hex")] pub [u8; 32]);

impl Digest {
    /// The digest of a label and some parts, each part preceded by its length, so that no two lists of parts agree.
    pub(crate) fn of(label: &[u8], parts: &[&[u8]]) -> Self {
        let mut message = label.to_vec();
        for part in parts {
            message.extend_from_slice(&(part.len() as u64).to_be_bytes());
            message.extend_from_slice(part);
        }
        Self::plain(&message)
    }

    /// The digest of these bytes alone.
    pub(crate) fn plain(bytes: &[u8]) -> Self {
        let mut found = [0; 32];
        found.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(found)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// An Ed25519 public key (RFC 8032). As text: 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicKey(#[serde(with = "hex")] pub [u8; 32]);

impl PublicKey {
    /// What a person compares: the SHA-256 digest of the key.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Digest::of(b"consentry ledger 1 key", &[&self.0]))
    }

    /// Whether the signature over the message is this key's.
    pub(crate) fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, &signature.0).is_ok()
    }
}

/// Names a [`PublicKey`]. Written as 64 hexadecimal digits; read in either case, also with spaces, colons or hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub Digest);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key fingerprint: it has 64 hexadecimal digits")]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | ':' | '-')).collect();
        hex::decode(&digits).map(|bytes| Self(Digest(bytes))).ok_or(FingerprintError)
    }
}

/// An Ed25519 signature (RFC 8032). As text: 128 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signature(#[serde(with = "hex")] pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", hex::encode(&self.0))
    }
}

/// A private key that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    NoRandomness,
    /// The stored key is damaged.
    #[error("the stored signing key is damaged")]
    Damaged,
}

/// The private key that signs the ledger. Made once for each store and kept beside it.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Makes a new key. Returns it with the PKCS #8 document (RFC 5958) to store.
    ///
    /// # Errors
    /// The system gave no random numbers.
    pub fn generate() -> Result<(Self, Vec<u8>), KeyError> {
        let document =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::NoRandomness)?;
        let key = Self::from_pkcs8(document.as_ref())?;
        Ok((key, document.as_ref().to_vec()))
    }

    /// Reads a stored key.
    ///
    /// # Errors
    /// The document is no Ed25519 key pair.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_pkcs8(document).map(Self).map_err(|_| KeyError::Damaged)
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.0.sign(message).as_ref());
        Signature(bytes)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().fingerprint())
    }
}

/// One link of the chain.
///
/// Its digest is made of a commitment to the change, which the salt keeps from being guessed: so a single entry can be
/// [withheld](Withheld) from a receipt without breaking the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place, from 0.
    pub sequence: u64,
    /// The digest of the entry before; for the first, a digest of the key.
    pub previous: Digest,
    /// 16 random bytes. Entries of the ledger's first format have none, and cannot be withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Salt>,
    /// The [`Change`] as JSON, exactly as it was hashed.
    pub change: String,
}

/// Keeps a change from being guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(#[serde(with = "hex")] pub [u8; 16]);

/// An entry of which only the place and a commitment to the change are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// Its place, from 0.
    pub sequence: u64,
    /// The digest of the entry before; for the first, a digest of the key.
    pub previous: Digest,
    /// The digest of salt and change.
    pub commitment: Digest,
}

/// A link of a chain of which some entries may be withheld.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Link {
    /// A whole entry.
    Entry(Entry),
    /// One that is withheld.
    Withheld(Withheld),
}

impl Entry {
    /// The digest that the next entry carries.
    pub fn digest(&self) -> Digest {
        match self.commitment() {
            Some(commitment) => chained(self.sequence, &self.previous, &commitment),
            None => Digest::of(
                OLD_ENTRY_LABEL,
                &[&self.sequence.to_be_bytes(), &self.previous.0, self.change.as_bytes()],
            ),
        }
    }

    /// The same entry without what it says; `None` for one of the ledger's first format.
    pub fn withheld(&self) -> Option<Withheld> {
        let (sequence, previous) = (self.sequence, self.previous);
        self.commitment().map(|commitment| Withheld { sequence, previous, commitment })
    }

    fn commitment(&self) -> Option<Digest> {
        self.salt.map(|salt| Digest::of(CHANGE_LABEL, &[&salt.0, self.change.as_bytes()]))
    }
}

impl Link {
    fn sequence(&self) -> u64 {
        match self {
            Self::Entry(entry) => entry.sequence,
            Self::Withheld(withheld) => withheld.sequence,
        }
    }

    fn previous(&self) -> Digest {
        match self {
            Self::Entry(entry) => entry.previous,
            Self::Withheld(withheld) => withheld.previous,
        }
    }

    /// The digest that the next link carries.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Entry(entry) => entry.digest(),
            Self::Withheld(Withheld { sequence, previous, commitment }) => {
                chained(*sequence, previous, commitment)
            }
        }
    }
}

fn chained(sequence: u64, previous: &Digest, commitment: &Digest) -> Digest {
    Digest::of(ENTRY_LABEL, &[&sequence.to_be_bytes(), &previous.0, &commitment.0])
}

/// The signed end of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// How many entries there are.
    pub length: u64,
    /// The digest of the last; of an empty chain, a digest of the key.
    pub last: Digest,
    /// Whose signature it is.
    pub key: PublicKey,
    /// The signature over the other fields.
    pub signature: Signature,
}

impl Head {
    fn message(length: u64, last: &Digest, key: &PublicKey) -> [u8; 32] {
        Digest::of(HEAD_LABEL, &[&length.to_be_bytes(), &last.0, &key.0]).0
    }

    fn is_signed(&self) -> bool {
        self.key.verifies(&Self::message(self.length, &self.last, &self.key), &self.signature)
    }
}

/// Where a ledger breaks, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "break")]
pub enum Broken {
    /// There are entries but no head.
    #[error("the ledger has entries but no signed head")]
    NoHead,
    /// The head was signed with another key.
    #[error("the ledger's head is signed with another key")]
    OtherKey,
    /// The head's signature is not right.
    #[error("the ledger's head was changed: its signature is not right")]
    BadSignature,
    /// An entry stands where another belongs: something was removed, inserted, repeated or moved.
    #[error("entry {at} of the ledger is out of place: it is numbered {found}")]
    OutOfPlace {
        /// The place, from 0.
        at: u64,
        /// The number that the entry there carries.
        found: u64,
    },
    /// An entry does not follow from the one before: one of the two was changed.
    #[error("entry {at} of the ledger does not follow from the one before it: one of the two was changed")]
    DoesNotFollow {
        /// The place, from 0.
        at: u64,
    },
    /// An entry that cannot be read, in a chain that is otherwise whole: written by another version.
    #[error("entry {at} of the ledger cannot be read: it was written by another version")]
    Unreadable {
        /// The place, from 0.
        at: u64,
    },
    /// Fewer entries than the head says.
    #[error("the ledger was cut short: it has {found} entries of {expected}")]
    CutShort {
        /// How many there are.
        found: u64,
        /// How many the head vouches for.
        expected: u64,
    },
    /// More entries than the head says.
    #[error("the ledger's head does not vouch for entry {at} and what follows it")]
    NotVouchedFor {
        /// The first place beyond the head's length, from 0.
        at: u64,
    },
    /// The last entry is not the one that the head signs: it was changed.
    #[error("entry {at} of the ledger was changed: the signed head does not fit it")]
    LastChanged {
        /// Its place, from 0.
        at: u64,
    },
}

/// The end of a ledger that is being written.
#[derive(Debug)]
pub struct Ledger {
    key: SigningKey,
    length: u64,
    last: Digest,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(key: SigningKey) -> Self {
        let last = genesis(&key.public());
        Self { key, length: 0, last }
    }

    /// Continues a stored ledger. Returns it with all its changes, oldest first.
    ///
    /// # Errors
    /// Where the ledger breaks. Its consents then count as not given.
    pub fn open(
        key: SigningKey,
        entries: &[Entry],
        head: Option<&Head>,
    ) -> Result<(Self, Vec<Change>), Broken> {
        let Some(head) = head else {
            return if entries.is_empty() { Ok((Self::new(key), Vec::new())) } else { Err(Broken::NoHead) };
        };
        if head.key != key.public() {
            return Err(Broken::OtherKey);
        }
        let changes = verify(entries, head)?;
        Ok((Self { key, length: head.length, last: head.last }, changes))
    }

    /// The entries and the head that further changes make. They are to be stored together; the ledger does not move on before
    /// [`Self::advance`] says that they were.
    ///
    /// # Errors
    /// The system gave no random numbers for the salts.
    pub fn entries(&self, changes: &[Change]) -> Result<(Vec<Entry>, Head), KeyError> {
        let random = SystemRandom::new();
        let (mut length, mut last) = (self.length, self.last);
        let mut entries = Vec::with_capacity(changes.len());
        for change in changes {
            let mut salt = [0; 16];
            random.fill(&mut salt).map_err(|_| KeyError::NoRandomness)?;
            let change =
                serde_json::to_string(change).expect("a change holds nothing that JSON cannot express");
            let entry = Entry { sequence: length, previous: last, salt: Some(Salt(salt)), change };
            last = entry.digest();
            length += 1;
            entries.push(entry);
        }
        Ok((entries, self.sign(length, last)))
    }

    /// Takes note that what [`Self::entries`] made was stored.
    pub fn advance(&mut self, head: &Head) {
        self.length = head.length;
        self.last = head.last;
    }

    /// The signed head of the ledger as it is.
    pub fn head(&self) -> Head {
        self.sign(self.length, self.last)
    }

    /// The key that signs it.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    fn sign(&self, length: u64, last: Digest) -> Head {
        let key = self.key.public();
        let signature = self.key.sign(&Head::message(length, &last, &key));
        Head { length, last, key, signature }
    }
}

/// Checks a whole ledger against its head, whose key the caller trusts. Returns the changes, oldest first.
///
/// # Errors
/// The first place where it breaks.
pub fn verify(entries: &[Entry], head: &Head) -> Result<Vec<Change>, Broken> {
    let links: Vec<Link> = entries.iter().cloned().map(Link::Entry).collect();
    Ok(verify_links(&links, head)?.into_iter().map(|(_, change)| change).collect())
}

/// Checks a chain of which some entries may be withheld. Returns the changes that are told with their places, oldest first.
///
/// # Errors
/// The first place where it breaks.
pub fn verify_links(links: &[Link], head: &Head) -> Result<Vec<(u64, Change)>, Broken> {
    if !head.is_signed() {
        return Err(Broken::BadSignature);
    }
    let mut last = genesis(&head.key);
    for (at, link) in (0..).zip(links) {
        if link.sequence() != at {
            return Err(Broken::OutOfPlace { at, found: link.sequence() });
        }
        if link.previous() != last {
            return Err(Broken::DoesNotFollow { at });
        }
        if at == head.length {
            return Err(Broken::NotVouchedFor { at });
        }
        last = link.digest();
    }
    let found = links.len() as u64;
    if found < head.length {
        return Err(Broken::CutShort { found, expected: head.length });
    }
    if last != head.last {
        // An empty chain ends as its key says, which the signature covers: only a last entry can differ here.
        return Err(Broken::LastChanged { at: found.saturating_sub(1) });
    }
    let mut changes = Vec::new();
    for (at, link) in (0..).zip(links) {
        if let Link::Entry(entry) = link {
            changes.push((at, serde_json::from_str(&entry.change).map_err(|_| Broken::Unreadable { at })?));
        }
    }
    Ok(changes)
}

/// What the first entry carries as its predecessor: entries cannot be carried over from another key's ledger.
fn genesis(key: &PublicKey) -> Digest {
    Digest::of(GENESIS_LABEL, &[&key.0])
}
