//! Invites from the side of those who made them: what ends them.

use dialtone_protocol::client::{ConnectionState, Event, IntentError, IntentName, Refusal};
use dialtone_protocol::ids::{GroupId, RecipientId};
use dialtone_protocol::sigchain::{Entry, Payload};
use dialtone_protocol::wire::http::Request;

use crate::channels::two;
use crate::join::{community, texts};
use crate::net::Net;

// spec 9.45
#[test]
fn an_admin_ends_an_invite_that_expired() {
    let (mut net, alice) = community();
    let link = net.invite(alice);
    net.wait(25 * 3600);
    let ended = net.peers[alice].events.iter().any(|event| {
        matches!(
            event,
            Event::IntentDone {
                intent: IntentName::RevokeInvite(_)
            }
        )
    });
    assert!(ended);
    let bob = net.join("bob", &link);
    assert_ne!(net.view(bob).state(), ConnectionState::Online);
}

// spec 9.46
#[test]
fn a_revoked_link_neither_lets_in_nor_opens_what_is_written_then() {
    let (mut net, alice, carol) = two();
    let general = net.channel(alice, "general");
    let link = net.invite(alice);
    let open = net.view(alice).invites();
    let [invite] = &open[..] else {
        panic!("{open:?}");
    };
    assert!(link.ends_with(&invite.id.to_string()));
    assert_eq!(
        (invite.by_name.as_deref(), invite.uses_left),
        (Some("alice"), 1)
    );
    let (id, now) = (invite.id, net.now);
    let refused = net.client(carol).revoke_invite(id, now);
    assert_eq!(refused, Err(IntentError::NotAdmin));

    // The wish outlives a crash before the server has heard of it.
    net.hang_up(alice);
    net.client(alice).revoke_invite(id, now).unwrap();
    net.run();
    net.restart(alice);
    net.connect(alice);
    net.wait(5);
    assert_eq!(net.view(alice).invites(), []);
    let again = net.client(alice).revoke_invite(id, now);
    assert_eq!(again, Err(IntentError::NoInvite));

    let (entries, envelopes) = the_append_with(&net, |payload| {
        matches!(payload, Payload::RevokeInvite { .. })
    });
    let rotates = |payload: &Payload| {
        matches!(
            payload,
            Payload::RotateKey {
                group: GroupId::Open,
                ..
            }
        )
    };
    assert!(entries.iter().any(rotates), "{entries:?}");
    assert!(!envelopes.contains(&RecipientId::Invite(id)));

    let mallory = net.join("mallory", &link);
    assert!(net.peers[mallory].events.contains(&Event::IntentRefused {
        intent: IntentName::Join,
        reason: Refusal::InviteSpent,
    }));
    net.send(alice, general, "the link is dead");
    assert_eq!(
        texts(&net, carol, "general").last(),
        Some(&("alice".to_owned(), "the link is dead".to_owned()))
    );
}

/// What the append that has such an entry says, and to whom it seals.
fn the_append_with(net: &Net, wanted: fn(&Payload) -> bool) -> (Vec<Payload>, Vec<RecipientId>) {
    let appends = net
        .requests
        .iter()
        .filter_map(|(_, request)| match request {
            Request::AppendSigchain(append) => Some(append),
            _ => None,
        });
    let read = appends.map(|append| {
        let entries = append.entries.iter();
        let payloads = entries.map(|bytes| Entry::decode(bytes).unwrap().payload().clone());
        let recipients = append.envelopes.iter().map(|envelope| envelope.recipient);
        (payloads.collect(), recipients.collect())
    });
    let mut found = read.filter(|(entries, _): &(Vec<_>, _)| entries.iter().any(wanted));
    found.next().unwrap()
}
