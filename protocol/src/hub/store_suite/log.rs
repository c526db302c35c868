//! The log, its effects, its envelopes and names.

use alloc::vec::Vec;

use super::{Apply, Case, device, register, user};
use crate::hub::store::{Answer, ChainEffect, ChainName, NewEnvelope, Op};
use crate::ids::{
    ChannelId, ClientId, EntryHash, Epoch, GroupId, Head, MessageId, RecipientId, Seq, SessionId,
    Subject,
};
use crate::time::UnixMillis;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "an append happens wholly or not at all",
        run: appends,
    },
    Case {
        name: "messages are taken in the open epoch alone",
        run: epochs,
    },
    Case {
        name: "who is revoked or removed has no session",
        run: removal,
    },
    Case {
        name: "an envelope goes when all its keys are newer",
        run: envelopes,
    },
    Case {
        name: "names and newcomers are kept once",
        run: names,
    },
];

const CHANNEL: ChannelId = ChannelId([3; 16]);

fn head(index: u64) -> Head {
    let number = u8::try_from(index).unwrap_or_default();
    Head {
        index,
        hash: EntryHash([number; 32]),
    }
}

/// One entry at `index` with these effects.
fn append(index: u64, effects: Vec<ChainEffect>) -> Op {
    Op::AppendChain {
        expected: index.checked_sub(1).map(head),
        head: head(index),
        poster: device(1),
        entries: [[u8::try_from(index).unwrap_or_default(); 4].into()].into(),
        effects,
        envelopes: [].into(),
        names: [].into(),
        now: UnixMillis(1),
    }
}

fn done() -> Result<Answer, crate::hub::store::StoreError> {
    Ok(Answer::ChainAppended { ended: [].into() })
}

fn added(number: u8, key: u8) -> ChainEffect {
    ChainEffect::DeviceAdded {
        user: user(number),
        device: device(number),
        signing_key: [key; 32],
        public_key: [number; 32],
    }
}

fn appends(apply: Apply<'_>) {
    assert_eq!(
        register(apply, 1),
        Ok(Answer::Registered { is_admin: true })
    );
    assert_eq!(
        apply(append(1, [].into())),
        Ok(Answer::Conflict { head: None })
    );
    assert_eq!(apply(append(0, [added(1, 1)].into())), done());
    assert_eq!(
        apply(append(0, [].into())),
        Ok(Answer::Conflict {
            head: Some(head(0))
        })
    );
    // Another key for a known device, a device for nobody: nothing of the append happens.
    let created = ChainEffect::ChannelCreated {
        channel: CHANNEL,
        group: GroupId::Open,
    };
    for bad in [added(1, 2), added(9, 9)] {
        let refused = apply(append(1, [created.clone(), bad].into()));
        assert_eq!(refused, Ok(Answer::DeviceMismatch));
    }
    let channels: Vec<ChannelId> = [CHANNEL].into();
    let last = Op::LastSeqs { channels };
    assert_eq!(apply(last.clone()), Ok(Answer::LastSeqs([].into())));
    assert_eq!(apply(append(1, [created].into())), done());
    assert_eq!(
        apply(last),
        Ok(Answer::LastSeqs([(CHANNEL, Seq(0))].into()))
    );
    let page = |from, max_bytes| Op::ChainPage { from, max_bytes };
    let (zero, one): (Vec<u8>, Vec<u8>) = ([0; 4].into(), [1; 4].into());
    let both = [zero.clone(), one.clone()];
    assert_eq!(apply(page(0, 8)), Ok(Answer::Chain(both.into())));
    assert_eq!(apply(page(0, 7)), Ok(Answer::Chain([zero.clone()].into())));
    assert_eq!(apply(page(0, 1)), Ok(Answer::Chain([zero].into())));
    assert_eq!(apply(page(1, 8)), Ok(Answer::Chain([one].into())));
    assert_eq!(apply(page(2, 8)), Ok(Answer::Chain([].into())));
}

fn epochs(apply: Apply<'_>) {
    assert_eq!(
        register(apply, 1),
        Ok(Answer::Registered { is_admin: true })
    );
    let group = GroupId::Channel(CHANNEL);
    let created = ChainEffect::ChannelCreated {
        channel: CHANNEL,
        group,
    };
    assert_eq!(apply(append(0, [created].into())), done());
    let send = |number: u8, epoch: Option<u32>| Op::AppendMessage {
        channel: CHANNEL,
        message_id: MessageId([number; 16]),
        sender: user(1),
        device: device(1),
        client_id: ClientId([number; 16]),
        epoch: epoch.map(Epoch),
        sender_name_enc: "".into(),
        body: [number].into(),
        sent_at: UnixMillis(1),
    };
    let kept = |number: u8, seq: u64, duplicate: bool| {
        Ok(Answer::Appended {
            message_id: MessageId([number; 16]),
            seq: Seq(seq),
            sent_at: UnixMillis(1),
            duplicate,
        })
    };
    let opened = |epoch: u32| ChainEffect::EpochOpened {
        group,
        epoch: Epoch(epoch),
    };
    assert_eq!(apply(send(1, Some(0))), Ok(Answer::StaleEpoch));
    assert_eq!(apply(append(1, [opened(0)].into())), done());
    assert_eq!(apply(send(1, None)), Ok(Answer::NotFound));
    assert_eq!(apply(send(1, Some(0))), kept(1, 1, false));
    assert_eq!(
        apply(append(2, [ChainEffect::EpochClosed { group }].into())),
        done()
    );
    assert_eq!(apply(send(2, Some(0))), Ok(Answer::StaleEpoch));
    assert_eq!(apply(send(1, Some(0))), kept(1, 1, true));
    assert_eq!(apply(append(3, [opened(1)].into())), done());
    assert_eq!(apply(send(2, Some(0))), Ok(Answer::StaleEpoch));
    assert_eq!(apply(send(2, Some(1))), kept(2, 2, false));
    let deleted = ChainEffect::ChannelDeleted { channel: CHANNEL };
    assert_eq!(apply(append(4, [deleted].into())), done());
    assert_eq!(apply(send(3, Some(1))), Ok(Answer::NotFound));
}

fn removal(apply: Apply<'_>) {
    for number in [1, 2, 3] {
        let is_admin = number == 1;
        assert_eq!(register(apply, number), Ok(Answer::Registered { is_admin }));
    }
    let out = [
        ChainEffect::DeviceRevoked { device: device(2) },
        ChainEffect::UserRemoved { user: user(3) },
    ];
    let ended = [SessionId([2; 16]), SessionId([3; 16])].into();
    assert_eq!(
        apply(append(0, out.into())),
        Ok(Answer::ChainAppended { ended })
    );
    for (number, stays) in [(1, true), (2, false), (3, false)] {
        let found = apply(Op::FindSession {
            token_hash: [number; 32],
        });
        assert!(matches!(found, Ok(Answer::Session(row)) if row.is_some() == stays));
    }
}

fn envelopes(apply: Apply<'_>) {
    let key = |epoch: u32| (GroupId::Open, Epoch(epoch));
    let put = |poster: u8, keys: &[(GroupId, Epoch)], bytes: u8| Op::PutEnvelopes {
        poster: device(poster),
        envelopes: [NewEnvelope {
            recipient: RecipientId::Device(device(5)),
            keys: keys.into(),
            bytes: [bytes].into(),
        }]
        .into(),
    };
    let read = |apply: Apply<'_>| -> Vec<u8> {
        let op = Op::Envelopes {
            recipient: RecipientId::Device(device(5)),
            after: 0,
            limit: 10,
        };
        let Ok(Answer::Envelopes(rows)) = apply(op) else {
            unreachable!("not envelopes");
        };
        assert!(rows.is_sorted_by(|one, two| one.cursor < two.cursor));
        rows.into_iter().flat_map(|row| row.bytes).collect()
    };
    for (poster, keys, bytes) in [
        (1, [key(0), key(1)].as_slice(), 10),
        (2, [key(0)].as_slice(), 20),
        (1, [key(0)].as_slice(), 30),
    ] {
        assert_eq!(apply(put(poster, keys, bytes)), Ok(Answer::Done));
    }
    assert_eq!(read(apply), [10, 20, 30]);
    assert_eq!(apply(put(1, &[key(1)], 40)), Ok(Answer::Done));
    assert_eq!(read(apply), [20, 30, 40]);
    let held = Op::HeldKeys {
        keys: [key(0), key(7)].into(),
    };
    let holder = (GroupId::Open, Epoch(0), RecipientId::Device(device(5)));
    assert_eq!(apply(held.clone()), Ok(Answer::Held([holder].into())));
    let out = [ChainEffect::InviteClosed {
        recipient: RecipientId::Device(device(5)),
    }];
    assert_eq!(apply(append(0, out.into())), done());
    assert_eq!(read(apply), [0_u8; 0]);
    assert_eq!(apply(held), Ok(Answer::Held([].into())));
}

fn names(apply: Apply<'_>) {
    assert_eq!(
        register(apply, 1),
        Ok(Answer::Registered { is_admin: true })
    );
    let name = |bytes: u8| ChainName {
        subject: Subject::User(user(1)),
        group: GroupId::Open,
        epoch: Epoch(0),
        bytes: [bytes].into(),
    };
    for (poster, bytes) in [(1, 10), (2, 20), (1, 30)] {
        let put = Op::PutNames {
            poster: device(poster),
            names: [name(bytes)].into(),
        };
        assert_eq!(apply(put), Ok(Answer::Done));
    }
    let Ok(Answer::Names(rows)) = apply(Op::Names {
        after: 0,
        limit: 10,
    }) else {
        unreachable!("not names");
    };
    let bytes: Vec<u8> = rows.iter().flat_map(|row| row.name.bytes.clone()).collect();
    assert_eq!(bytes, [20, 30]);
    let pending = Op::PutPending {
        user: user(1),
        device: device(1),
        record: [1].into(),
        names: [(device(8), [2].into())].into(),
        created_at: UnixMillis(1),
    };
    assert_eq!(apply(pending), Ok(Answer::Done));
    let count = |apply: Apply<'_>, reader: u8, named: bool| {
        let op = Op::Pending {
            reader: device(reader),
            limit: 10,
        };
        let Ok(Answer::Pending(rows)) = apply(op) else {
            unreachable!("not newcomers");
        };
        assert!(rows.iter().all(|row| row.name.is_some() == named));
        rows.len()
    };
    assert_eq!((count(apply, 8, true), count(apply, 9, false)), (1, 1));
    let joined = [ChainEffect::UserJoined { user: user(1) }];
    assert_eq!(apply(append(0, joined.into())), done());
    assert_eq!(count(apply, 8, true), 0);
}
