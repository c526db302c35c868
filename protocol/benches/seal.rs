//! Sealing and opening a message of 1 KiB, beside the bare primitives that it is made of.
//!
//! `cargo bench -p dialtone-protocol --bench seal`

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should stop")]

use std::hint::black_box;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dialtone_protocol::crypto::message::{self, Address, Plain, Seen};
use dialtone_protocol::crypto::{DeviceSecret, Entropy, GroupKey, Secret};
use dialtone_protocol::ids::{ChannelId, ClientId, CommunityId, DeviceId, Epoch, Head, UserId};
use ed25519_dalek::{Signer, SigningKey};
use hkdf::Hkdf;
use sha2::Sha256;

/// The content of the message that is measured.
const CONTENT: usize = 1024;

fn seal_and_open(c: &mut Criterion) {
    let group = GroupKey::from_secret(Secret::from_bytes([1; 32]));
    let device = DeviceSecret::from_seed(Secret::from_bytes([2; 32]));
    let key = device.public().sign;
    let mut entropy = Entropy::from_seed([3; 32]);
    let address = Address {
        community: CommunityId([4; 32]),
        channel: ChannelId([5; 16]),
        epoch: Epoch(6),
        user: UserId([7; 16]),
        device: DeviceId([8; 16]),
        client_id: ClientId([9; 16]),
    };
    let plain = Plain {
        content: vec![10; CONTENT],
        head: Head::default(),
        seen: Seen::default(),
    };
    let sealed = message::seal(&address, &plain, &group, &device, &mut entropy).unwrap();

    let mut ours = c.benchmark_group("message");
    ours.throughput(Throughput::Bytes(CONTENT as u64));
    ours.bench_function("seal", |b| {
        b.iter(|| message::seal(&address, black_box(&plain), &group, &device, &mut entropy));
    });
    ours.bench_function("open", |b| {
        b.iter(|| message::open(black_box(&sealed), &address, &group, &key).unwrap());
    });
    ours.finish();
}

/// What any message needs: one signature, one key derived, one pass of the cipher, over the content alone.
fn primitives(c: &mut Criterion) {
    let signing = SigningKey::from_bytes(&[2; 32]);
    let verifying = signing.verifying_key();
    let content = vec![10; CONTENT];
    let signature = signing.sign(&content);
    let cipher_key = || {
        let mut key = [0; 32];
        let derived = Hkdf::<Sha256>::new(None, &[1; 32]).expand(b"a label and two ids", &mut key);
        derived.unwrap();
        XChaCha20Poly1305::new(&key.into())
    };
    let nonce = [3; 24].into();
    let mut sealed = content.clone();
    let tag = cipher_key().encrypt_inout_detached(&nonce, b"associated", (&mut sealed[..]).into());
    let tag = tag.unwrap();

    let mut bare = c.benchmark_group("primitives");
    bare.throughput(Throughput::Bytes(CONTENT as u64));
    bare.bench_function("seal", |b| {
        b.iter(|| {
            let signature = signing.sign(black_box(&content));
            let mut sealed = content.clone();
            let buffer = (&mut sealed[..]).into();
            let tag = cipher_key().encrypt_inout_detached(&nonce, b"associated", buffer);
            (signature, sealed, tag.unwrap())
        });
    });
    bare.bench_function("open", |b| {
        b.iter(|| {
            let mut opened = black_box(&sealed).clone();
            let buffer = (&mut opened[..]).into();
            let cipher = cipher_key();
            let decrypted = cipher.decrypt_inout_detached(&nonce, b"associated", buffer, &tag);
            decrypted.unwrap();
            verifying.verify_strict(&opened, &signature).unwrap();
            opened
        });
    });
    bare.finish();
}

criterion_group!(benches, primitives, seal_and_open);
criterion_main!(benches);
