//! Posting what is owed, and asking about others, when the server does not take it at once.

use std::cell::Cell;
use std::rc::Rc;

use dialtone_protocol::client::Input;
use dialtone_protocol::ids::{Epoch, GroupId};
use dialtone_protocol::wire::http::{Request, Response};
use dialtone_protocol::wire::ws::ServerEvent;

use crate::channels::two;
use crate::net::Net;

/// Bob's device asks everybody for the key of the community.
fn ask_for_bob(net: &mut Net, alice: usize, bob: usize) {
    let event = ServerEvent::KeyRequested {
        device_id: net.view(bob).me().device.unwrap(),
        group: GroupId::Open,
        epoch: Epoch(0),
    };
    net.tell(alice, Input::Frame(event.to_text().as_bytes()));
    net.run();
}

/// The first post of envelopes is answered with `status`, whatever became of it.
fn refuse_first(net: &mut Net, status: u16) {
    let is_first = Rc::new(Cell::new(true));
    net.tamper = Some(Box::new(move |request, response| match request {
        Request::PostEnvelopes(_) if is_first.replace(false) => Response::error(status, "no"),
        _ => response,
    }));
}

fn posts(net: &Net) -> Vec<&Request> {
    let requests = net.requests.iter().map(|(_, request)| request);
    requests
        .filter(|request| matches!(request, Request::PostEnvelopes(_)))
        .collect()
}

// spec 9.22
#[test]
fn envelopes_that_a_busy_server_did_not_take_are_posted_again() {
    let (mut net, alice, bob) = two();
    refuse_first(&mut net, 503);
    ask_for_bob(&mut net, alice, bob);
    net.wait(60);
    let posts = posts(&net);
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0], posts[1]);
}

// spec 9.22
#[test]
fn envelopes_that_were_refused_are_looked_for_anew() {
    let (mut net, alice, bob) = two();
    refuse_first(&mut net, 400);
    let owed = |net: &Net| {
        let requests = net.requests.iter();
        requests
            .filter(|(peer, request)| *peer == alice && *request == Request::OwedEnvelopes)
            .count()
    };
    let before = owed(&net);
    ask_for_bob(&mut net, alice, bob);
    net.wait(60);
    assert_eq!(posts(&net).len(), 1);
    assert_eq!(owed(&net), before + 1);
}
