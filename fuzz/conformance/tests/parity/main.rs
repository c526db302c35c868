//! One conversation on both runtimes, over real sockets, with the real libraries: the engines put out the same, byte
//! for byte and in the same order. The drivers hold no rule of the protocol, and this is how it shows.
//!
//! Clock and seeds are a script's. The order in which a network delivers is nobody's, so it is scripted as well: what
//! arrives on a connection is let through only when the whole world has come to rest, one connection at a time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test a failure ends the test"
)]

mod party;
#[path = "../../../../server/tests/support/port.rs"]
mod port;
mod scripted;
mod world;

use std::net::SocketAddr;
use std::num::NonZero;

use dialtone_protocol::client::{Body, Client, Standing};
use dialtone_protocol::ids::ChannelId;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::sigchain::{Access, History};
use dialtone_runtime_smol::Smol;
use dialtone_runtime_tokio::Tokio;
use party::{Person, Server};
use port::free_port;
use sha2::{Digest, Sha256};
use world::World;

const ONE: NonZero<usize> = NonZero::<usize>::MIN;

/// What the hub and both clients put out.
type Transcript = [Vec<String>; 3];

#[test]
fn both_runtimes_give_one_transcript() {
    // The same for both runs: it stands in links.
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let smol = Smol::run(ONE, |runtime| converse(runtime, address)).unwrap();
    let tokio = Tokio::run(ONE, |runtime| converse(runtime, address)).unwrap();
    for (who, (one, other)) in ["hub", "alice", "bob"].iter().zip(smol.iter().zip(&tokio)) {
        assert!(one.len() > 20, "{who} has said too little to compare");
        for (place, (one, other)) in one.iter().zip(other).enumerate() {
            assert_eq!(one, other, "output {place} of {who}");
        }
        assert_eq!(one.len(), other.len(), "outputs of {who}");
    }
    assert_eq!(hash(&smol), hash(&tokio));
}

/// Two people found, join and talk.
async fn converse<R: Runtime>(runtime: R, address: SocketAddr) -> Transcript {
    let world = World::default();
    let server = Server::start(runtime.clone(), &world, address).await;

    let alice = Person::enter(runtime.clone(), &world, "alice", &server.founding_link).await;
    alice.until("the founding", is_member).await;
    let channel = alice
        .with(|client, now| client.create_channel("lobby", Access::Open, History::All, now))
        .await
        .unwrap();
    alice.until("the channel", lobby).await;

    let link = alice.invite().await;
    let bob = Person::enter(runtime, &world, "bob", &link).await;
    bob.until("the join", is_member).await;
    bob.until("the channel", lobby).await;

    say(&alice, channel, "hello bob").await;
    bob.until("a message", has(channel, "hello bob")).await;
    // Neither waits for the other.
    for number in 0..3 {
        say(&alice, channel, &format!("alice {number}")).await;
        say(&bob, channel, &format!("bob {number}")).await;
    }
    for person in [&alice, &bob] {
        person.until("a message", has(channel, "alice 2")).await;
        person.until("a message", has(channel, "bob 2")).await;
    }
    [
        server.outputs.taken(),
        alice.outputs.taken(),
        bob.outputs.taken(),
    ]
}

fn is_member(client: &Client) -> Option<()> {
    (client.me().standing == Standing::Member).then_some(())
}

fn lobby(client: &Client) -> Option<()> {
    let is_lobby = |name: Option<String>| name.as_deref() == Some("lobby");
    let mut channels = client.channels().into_iter();
    channels
        .any(|channel| is_lobby(channel.name) && channel.can_send)
        .then_some(())
}

fn has(channel: ChannelId, text: &'static str) -> impl Fn(&Client) -> Option<()> + Clone {
    move |client| {
        let mut messages = client.messages(channel);
        messages
            .any(|message| message.seq.is_some() && message.body == Body::Text(text))
            .then_some(())
    }
}

async fn say<R: Runtime>(person: &Person<R>, channel: ChannelId, text: &str) {
    let text = text.to_owned();
    person
        .with(move |client, now| client.send_message(channel, &text, now).map(|_| ()))
        .await
        .unwrap();
}

fn hash(transcript: &Transcript) -> [u8; 32] {
    let mut hash = Sha256::new();
    for output in transcript.iter().flatten() {
        hash.update((output.len() as u64).to_be_bytes());
        hash.update(output);
    }
    hash.finalize().into()
}
