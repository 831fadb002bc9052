//! schnorrkel as a relay chain runs it. Prints verifications per second of processor time, one by one and in batches of 64,
//! a line for every line that it reads, so that it takes turns with whom it is compared with.
use schnorrkel::{signing_context, verify_batch, Keypair, MiniSecretKey, PublicKey, Signature};
use std::io::BufRead;

extern "C" {
    /// Processor time of this process in microseconds.
    fn clock() -> std::os::raw::c_long;
}

fn per_second(mut work: impl FnMut() -> u32) -> f64 {
    let start = unsafe { clock() };
    let mut done = 0;
    loop {
        done += work();
        let spent = unsafe { clock() } - start;
        if spent > 100_000 {
            return f64::from(done) * 1e6 / spent as f64;
        }
    }
}

fn main() {
    let context = signing_context(b"substrate");
    let message = [7u8; 42];
    let pairs: Vec<Keypair> = (0..64u8)
        .map(|n| MiniSecretKey::from_bytes(&[n + 1; 32]).unwrap())
        .map(|secret| secret.expand_to_keypair(MiniSecretKey::ED25519_MODE))
        .collect();
    let signed: Vec<([u8; 32], [u8; 64])> = pairs
        .iter()
        .map(|pair| (pair.public.to_bytes(), pair.sign(context.bytes(&message)).to_bytes()))
        .collect();
    for line in std::io::stdin().lock().lines() {
        line.unwrap();
        let single = per_second(|| {
            for (key, signature) in &signed {
                let key = PublicKey::from_bytes(key).unwrap();
                let signature = Signature::from_bytes(signature).unwrap();
                key.verify(context.bytes(&message), &signature).unwrap();
            }
            64
        });
        let batch = per_second(|| {
            let keys: Vec<_> = signed.iter().map(|(key, _)| PublicKey::from_bytes(key).unwrap()).collect();
            let signatures: Vec<_> = signed.iter().map(|(_, s)| Signature::from_bytes(s).unwrap()).collect();
            let transcripts = (0..64).map(|_| context.bytes(&message));
            verify_batch(transcripts, &signatures, &keys, false).unwrap();
            64
        });
        println!("{single} {batch}");
    }
}
