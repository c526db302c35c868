//! Original channels, their envelopes, and messages.

use super::{Apply, Case, device, register, user};
use crate::crypto::transcript;
use crate::hub::store::{Answer, HistoryPage, NewKeyEnvelope, Op};
use crate::ids::{ChannelId, ClientId, MessageId, Seq, Transcript};
use crate::time::UnixMillis;
use crate::wire::request::HistoryRange;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "messages are numbered densely and once",
        run: dense_numbers,
    },
    Case {
        name: "pages say the transcript before them",
        run: pages,
    },
    Case {
        name: "a deleted channel is gone with all it had",
        run: deletion,
    },
    Case {
        name: "envelopes stand beside each other",
        run: envelopes,
    },
];

const CHANNEL: ChannelId = ChannelId([1; 16]);

fn create(apply: Apply<'_>) {
    assert_eq!(
        register(apply, 1),
        Ok(Answer::Registered { is_admin: true })
    );
    let op = Op::CreateChannel {
        channel: CHANNEL,
        name_enc: "name".into(),
        created_by: user(1),
        created_at: UnixMillis(1),
        max_channels: 1,
    };
    assert_eq!(apply(op.clone()), Ok(Answer::Done));
    assert_eq!(apply(op), Ok(Answer::TooMany));
}

fn append(number: u8) -> Op {
    Op::AppendMessage {
        channel: CHANNEL,
        message_id: MessageId([number; 16]),
        sender: user(1),
        device: device(1),
        client_id: ClientId([number; 16]),
        epoch: None,
        sender_name_enc: "n".into(),
        body: [number].into(),
        sent_at: UnixMillis(number.into()),
    }
}

fn appended(number: u8, seq: u64, duplicate: bool) -> Answer {
    Answer::Appended {
        message_id: MessageId([number; 16]),
        seq: Seq(seq),
        sent_at: UnixMillis(number.into()),
        duplicate,
    }
}

fn dense_numbers(apply: Apply<'_>) {
    assert_eq!(apply(append(1)), Ok(Answer::NotFound));
    create(apply);
    assert_eq!(apply(append(1)), Ok(appended(1, 1, false)));
    assert_eq!(apply(append(2)), Ok(appended(2, 2, false)));
    // The same client id, whatever comes with it, is the message that is there.
    let mut again = append(3);
    if let Op::AppendMessage { client_id, .. } = &mut again {
        *client_id = ClientId([1; 16]);
    }
    assert_eq!(apply(again), Ok(appended(1, 1, true)));
    assert_eq!(apply(append(3)), Ok(appended(3, 3, false)));
    let mut sealed = append(4);
    if let Op::AppendMessage { epoch, .. } = &mut sealed {
        *epoch = Some(crate::ids::Epoch(0));
    }
    assert_eq!(apply(sealed), Ok(Answer::NotFound));
    let channels = [CHANNEL, ChannelId([9; 16])].into();
    let last = [(CHANNEL, Seq(3))].into();
    assert_eq!(apply(Op::LastSeqs { channels }), Ok(Answer::LastSeqs(last)));
}

fn page(apply: Apply<'_>, range: HistoryRange, limit: u32) -> (alloc::vec::Vec<u64>, Transcript) {
    let op = Op::Messages {
        channel: CHANNEL,
        range,
        limit,
    };
    let Ok(Answer::History(HistoryPage {
        messages,
        transcript,
        ..
    })) = apply(op)
    else {
        unreachable!("not a page");
    };
    (messages.iter().map(|it| it.seq.0).collect(), transcript)
}

fn pages(apply: Apply<'_>) {
    create(apply);
    let mut at = [Transcript::default(); 6];
    let mut last = Transcript::default();
    for (number, kept) in (1_u8..).zip(at.iter_mut().skip(1)) {
        assert_eq!(
            apply(append(number)),
            Ok(appended(number, number.into(), false))
        );
        last = transcript::next(last, device(1), ClientId([number; 16]), &[number]);
        *kept = last;
    }
    let [start, one, two, three, _, five] = at;
    let none: [u64; 0] = [];
    use HistoryRange::{After, Before, Newest};
    assert_eq!(page(apply, Newest, 2), ([4, 5].into(), three));
    assert_eq!(page(apply, Newest, 9), ([1, 2, 3, 4, 5].into(), start));
    assert_eq!(page(apply, After(Seq(1)), 2), ([2, 3].into(), one));
    assert_eq!(page(apply, After(Seq(5)), 2), (none.into(), five));
    assert_eq!(page(apply, After(Seq(u64::MAX)), 2), (none.into(), five));
    assert_eq!(page(apply, Before(Seq(4)), 1), ([3].into(), two));
    assert_eq!(page(apply, Before(Seq(u64::MAX)), 1), ([5].into(), at[4]));
    assert_eq!(page(apply, Before(Seq(1)), 1), (none.into(), five));
}

fn deletion(apply: Apply<'_>) {
    create(apply);
    assert_eq!(apply(append(1)), Ok(appended(1, 1, false)));
    let delete = Op::DeleteChannel { channel: CHANNEL };
    assert_eq!(apply(delete.clone()), Ok(Answer::Done));
    assert_eq!(apply(delete), Ok(Answer::NotFound));
    assert_eq!(apply(append(2)), Ok(Answer::NotFound));
    assert_eq!(page(apply, HistoryRange::Newest, 9).0, [0_u64; 0]);
    assert_eq!(apply(Op::Channels), Ok(Answer::Channels([].into())));
}

fn envelopes(apply: Apply<'_>) {
    create(apply);
    assert_eq!(
        register(apply, 2),
        Ok(Answer::Registered { is_admin: false })
    );
    let put = |sender: u8, to: u8, text: &str| Op::PutKeyEnvelopes {
        channel: Some(CHANNEL),
        sender: device(sender),
        envelopes: [NewKeyEnvelope {
            device: device(to),
            envelope: text.into(),
        }]
        .into(),
        created_at: UnixMillis(5),
    };
    let find = |channel| Op::FindKeyEnvelope {
        channel,
        device: device(1),
    };
    assert_eq!(apply(put(1, 9, "x")), Ok(Answer::UnknownDevice));
    assert_eq!(apply(find(Some(CHANNEL))), Ok(Answer::KeyEnvelope(None)));
    for (sender, text) in [(1, "one"), (2, "two"), (1, "three")] {
        assert_eq!(apply(put(sender, 1, text)), Ok(Answer::Done));
        let found = apply(find(Some(CHANNEL)));
        assert!(
            matches!(found, Ok(Answer::KeyEnvelope(Some(row))) if row.envelope == text && row.sender == device(sender))
        );
    }
    assert_eq!(apply(find(None)), Ok(Answer::KeyEnvelope(None)));
}
