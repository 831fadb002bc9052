//! Verification of sr25519 signatures with the signing context `substrate`, one and many at a time, over a plain C interface.
//!
//! The host reserves room in linear memory, writes its input there, and calls. Lengths are compared with what was reserved
//! before anything is read, and counts with their bounds before anything is allocated. Only public data comes in here.

use rand_core::{impls, CryptoRng, Error, RngCore};
use schnorrkel::context::SigningContext;
use schnorrkel::{signing_context, verify_batch_rng, PublicKey, Signature};

const KEY: usize = 32;
const SIGNATURE: usize = 64;
const SEED: usize = 32;
/// Bytes of a check before its message: key, signature, length of the message (big endian).
const HEAD: usize = KEY + SIGNATURE + 4;
/// The longest input.
const MAX_INPUT: usize = 64 << 20;
/// The longest input whose room is kept for the next one.
const KEPT_INPUT: usize = 1 << 20;
/// The most checks of a batch.
const MAX_CHECKS: usize = 1024;
/// Places for decoded keys, a power of two: validators sign again and again. 224 bytes each.
const KEY_PLACES: usize = 4096;
/// What a call answers that cannot be read.
const MALFORMED: i32 = -1;

#[derive(Default)]
struct State {
    input: Vec<u8>,
    /// Keys that were decoded, each at the place that its first bytes name: a newer one displaces an older one.
    keys: Vec<Option<PublicKey>>,
}

static mut STATE: Option<State> = None;

/// A module instance has one thread, and no call runs within another.
fn state() -> &'static mut State {
    unsafe { (*core::ptr::addr_of_mut!(STATE)).get_or_insert_with(State::default) }
}

/// The host's randomness, which is drawn once: a second draw would find nothing new.
struct HostSeed(Option<[u8; SEED]>);

impl RngCore for HostSeed {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }
    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }
    fn fill_bytes(&mut self, destination: &mut [u8]) {
        destination.copy_from_slice(&self.0.take().expect("one draw"));
    }
    fn try_fill_bytes(&mut self, destination: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(destination);
        Ok(())
    }
}
impl CryptoRng for HostSeed {}

fn context() -> SigningContext {
    signing_context(b"substrate")
}

fn public_key(keys: &mut Vec<Option<PublicKey>>, bytes: &[u8]) -> Option<PublicKey> {
    if keys.is_empty() {
        keys.resize(KEY_PLACES, None);
    }
    let place = usize::from(u16::from_le_bytes([bytes[0], bytes[1]])) % KEY_PLACES;
    match keys[place] {
        Some(key) if key.as_compressed().as_bytes()[..] == *bytes => Some(key),
        _ => {
            let key = PublicKey::from_bytes(bytes).ok()?;
            keys[place] = Some(key);
            Some(key)
        }
    }
}

/// Room for an input of `length` bytes, or null if that is too much.
#[no_mangle]
pub extern "C" fn reserve(length: u32) -> *mut u8 {
    let input = &mut state().input;
    let length = length as usize;
    if length > MAX_INPUT {
        return core::ptr::null_mut();
    }
    input.clear();
    if length <= KEPT_INPUT {
        input.shrink_to(KEPT_INPUT);
    }
    if input.try_reserve_exact(length).is_err() {
        return core::ptr::null_mut();
    }
    input.resize(length, 0);
    input.as_mut_ptr()
}

/// Whether the reserved input, a key, a signature and a message, is a valid signature: 1 or 0.
#[no_mangle]
pub extern "C" fn verify() -> i32 {
    let State { input, keys } = state();
    if input.len() < KEY + SIGNATURE {
        return MALFORMED;
    }
    let (head, message) = input.split_at(KEY + SIGNATURE);
    let parts = public_key(keys, &head[..KEY]).zip(Signature::from_bytes(&head[KEY..]).ok());
    parts.map_or(0, |(key, signature)| i32::from(key.verify(context().bytes(message), &signature).is_ok()))
}

/// A check as it lies in the input.
struct Check<'a> {
    key: &'a [u8],
    signature: &'a [u8],
    message: &'a [u8],
}

/// The checks of an input, or nothing if their lengths do not add up, or they are too many.
fn read(mut bytes: &[u8]) -> Option<Vec<Check<'_>>> {
    let mut checks = Vec::new();
    while !bytes.is_empty() {
        if bytes.len() < HEAD || checks.len() == MAX_CHECKS {
            return None;
        }
        let (head, rest) = bytes.split_at(HEAD);
        let length = &head[KEY + SIGNATURE..];
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if rest.len() < length {
            return None;
        }
        let (message, next) = rest.split_at(length);
        checks.push(Check { key: &head[..KEY], signature: &head[KEY..KEY + SIGNATURE], message });
        bytes = next;
    }
    Some(checks)
}

/// The verdicts. What is no key or no signature is sorted out first; the others are valid together, or looked at singly.
fn judge(checks: &[Check<'_>], seed: [u8; SEED], known: &mut Vec<Option<PublicKey>>) -> Vec<u8> {
    let context = context();
    let mut verdicts = vec![0; checks.len()];
    let (mut places, mut keys, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
    for (place, check) in checks.iter().enumerate() {
        let parts = public_key(known, check.key).zip(Signature::from_bytes(check.signature).ok());
        if let Some((key, signature)) = parts {
            places.push(place);
            keys.push(key);
            signatures.push(signature);
        }
    }
    let transcripts = places.iter().map(|&place| context.bytes(checks[place].message));
    let together = places.len() > 1
        && verify_batch_rng(transcripts, &signatures, &keys, false, HostSeed(Some(seed))).is_ok();
    for (at, &place) in places.iter().enumerate() {
        let valid = together || keys[at].verify(context.bytes(checks[place].message), &signatures[at]).is_ok();
        verdicts[place] = u8::from(valid);
    }
    verdicts
}

/// Verifies the checks of the reserved input, which come after 32 bytes of the host's randomness, and puts a verdict for each
/// (1 or 0) at the input's beginning. Answers how many there are.
///
/// Zeros are no randomness: who knows it can make signatures that are wrong one by one and right together.
#[no_mangle]
pub extern "C" fn verify_batch() -> i32 {
    let State { input, keys } = state();
    if input.len() < SEED || input[..SEED].iter().all(|&byte| byte == 0) {
        return MALFORMED;
    }
    let mut seed = [0; SEED];
    seed.copy_from_slice(&input[..SEED]);
    let verdicts = match read(&input[SEED..]) {
        Some(checks) => judge(&checks, seed, keys),
        None => return MALFORMED,
    };
    input[..verdicts.len()].copy_from_slice(&verdicts);
    verdicts.len() as i32
}
