//! Accounts, sessions, devices.

use super::{Apply, Case, device, new_device, new_session, register, registration, user};
use crate::hub::store::{Answer, NewDevice, Op};
use crate::ids::{ServerId, SessionId, StoreId};
use crate::time::UnixMillis;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "ids are given once",
        run: ids_are_given_once,
    },
    Case {
        name: "the first user is the admin",
        run: first_user_is_admin,
    },
    Case {
        name: "who cannot log in is not the first user",
        run: who_cannot_log_in_is_not_first,
    },
    Case {
        name: "a refused registration changes nothing",
        run: refused_registration,
    },
    Case {
        name: "a login uses the device with the same key",
        run: login_uses_device,
    },
    Case {
        name: "sessions are bounded and end",
        run: sessions_end,
    },
    Case {
        name: "devices are bounded",
        run: devices_are_bounded,
    },
];

fn ids_are_given_once(apply: Apply<'_>) {
    let start = |number| Op::Start {
        server_id: ServerId([number; 16]),
        store_id: StoreId([number; 16]),
    };
    let first = apply(start(1));
    let started = Answer::Started {
        server_id: ServerId([1; 16]),
        store_id: StoreId([1; 16]),
    };
    assert_eq!(first, Ok(started));
    assert_eq!(apply(start(2)), first);
}

fn first_user_is_admin(apply: Apply<'_>) {
    assert_eq!(
        register(apply, 1),
        Ok(Answer::Registered { is_admin: true })
    );
    assert_eq!(
        register(apply, 2),
        Ok(Answer::Registered { is_admin: false })
    );
    let users = [user(2), user(9)].into();
    let found = apply(Op::FindUsers { users });
    assert!(matches!(found, Ok(Answer::Users(rows)) if rows.len() == 1));
}

fn who_cannot_log_in_is_not_first(apply: Apply<'_>) {
    let made = Op::CreateUser {
        user: user(9),
        username_hash: [9; 32],
        created_at: UnixMillis(1000),
    };
    assert_eq!(apply(made), Ok(Answer::Done));
    for (number, is_admin) in [(1, true), (2, false)] {
        assert_eq!(register(apply, number), Ok(Answer::Registered { is_admin }));
    }
}

fn refused_registration(apply: Apply<'_>) {
    assert_eq!(apply(registration(1)), Ok(Answer::NotFound));
    assert_eq!(
        register(apply, 1),
        Ok(Answer::Registered { is_admin: true })
    );
    assert_eq!(apply(registration(1)), Ok(Answer::Used));
    let taken = |apply: Apply<'_>| {
        let mut op = registration(2);
        if let Op::Register { username_hash, .. } = &mut op {
            *username_hash = [1; 32];
        }
        apply(op)
    };
    let invite = Op::CreateInvite {
        token_hash: [2; 32],
        created_at: UnixMillis(1000),
        expires_at: UnixMillis(2000),
    };
    assert_eq!(apply(invite), Ok(Answer::Done));
    assert_eq!(taken(apply), Ok(Answer::UsernameTaken));
    let mut late = registration(2);
    if let Op::Register { now, .. } = &mut late {
        *now = UnixMillis(2000);
    }
    assert_eq!(apply(late), Ok(Answer::Expired));
    assert_eq!(
        apply(registration(2)),
        Ok(Answer::Registered { is_admin: false })
    );
}

fn log_in(device: NewDevice, session: u8, max_devices: u32) -> Op {
    Op::LogIn {
        user: user(1),
        device,
        session: new_session(session, 1500, 9000),
        max_devices,
        max_sessions: 10,
    }
}

fn login_uses_device(apply: Apply<'_>) {
    assert_eq!(
        register(apply, 1),
        Ok(Answer::Registered { is_admin: true })
    );
    let logged_in = |number| {
        Ok(Answer::LoggedIn {
            device: device(number),
            ended: [].into(),
        })
    };
    let same = NewDevice {
        id: device(7),
        ..new_device(1)
    };
    assert_eq!(apply(log_in(same.clone(), 2, 10)), logged_in(1));
    let other_key = NewDevice {
        signing_key: Some([8; 32]),
        ..same
    };
    assert_eq!(apply(log_in(other_key, 3, 10)), Ok(Answer::KeysDiffer));
    let no_key = NewDevice {
        signing_key: None,
        ..same
    };
    assert_eq!(apply(log_in(no_key, 4, 10)), logged_in(1));
    let bare = NewDevice {
        signing_key: None,
        ..new_device(2)
    };
    assert_eq!(apply(log_in(bare, 5, 1)), Ok(Answer::TooMany));
    let bare = NewDevice {
        signing_key: None,
        ..new_device(2)
    };
    assert_eq!(apply(log_in(bare, 6, 2)), logged_in(2));
    assert_eq!(apply(log_in(new_device(2), 7, 2)), logged_in(2));
    let found = apply(Op::FindDevice { device: device(2) });
    assert!(matches!(found, Ok(Answer::Device(Some(row))) if row.signing_key == Some([2; 32])));
}

fn sessions_end(apply: Apply<'_>) {
    assert_eq!(
        register(apply, 1),
        Ok(Answer::Registered { is_admin: true })
    );
    let open = |number: u8, created_at: u64| Op::OpenSession {
        device: device(1),
        session: new_session(number, created_at, created_at + 100),
        max_sessions: 2,
    };
    let ended = |sessions: &[u8]| {
        Ok(Answer::LoggedIn {
            device: device(1),
            ended: sessions.iter().map(|it| SessionId([*it; 16])).collect(),
        })
    };
    assert_eq!(apply(open(2, 1600)), ended(&[]));
    // Past the bound the oldest goes; what has expired goes in any case.
    assert_eq!(apply(open(3, 1650)), ended(&[1]));
    assert_eq!(apply(open(4, 1700)), ended(&[2]));
    let session = SessionId([3; 16]);
    let end = |number| Op::EndSession {
        user: user(number),
        session,
    };
    assert_eq!(apply(end(2)), Ok(Answer::Ended([].into())));
    assert_eq!(apply(end(1)), Ok(Answer::Ended([session].into())));
    assert_eq!(apply(end(1)), Ok(Answer::Ended([].into())));
    assert_eq!(
        apply(Op::FindSession {
            token_hash: [3; 32]
        }),
        Ok(Answer::Session(None))
    );
    let found = apply(Op::FindSession {
        token_hash: [4; 32],
    });
    assert!(matches!(found, Ok(Answer::Session(Some(row))) if row.is_admin && row.is_trusted));
    let listed = apply(Op::Sessions { user: user(1) });
    assert!(matches!(listed, Ok(Answer::Sessions(rows)) if rows.len() == 1));
    let nobody = Op::OpenSession {
        device: device(9),
        session: new_session(9, 1, 2),
        max_sessions: 2,
    };
    assert_eq!(apply(nobody), Ok(Answer::NotFound));
}

fn devices_are_bounded(apply: Apply<'_>) {
    assert_eq!(
        register(apply, 1),
        Ok(Answer::Registered { is_admin: true })
    );
    let add = |of: u8, number: u8| Op::AddDevice {
        user: user(of),
        device: new_device(number),
        max_devices: 2,
    };
    assert_eq!(apply(add(9, 2)), Ok(Answer::NotFound));
    assert_eq!(apply(add(1, 2)), Ok(Answer::Done));
    assert_eq!(apply(add(1, 3)), Ok(Answer::TooMany));
    let devices = apply(Op::Devices {
        user: Some(user(1)),
    });
    let Ok(Answer::Devices(rows)) = devices else {
        unreachable!("not devices");
    };
    let ids: alloc::vec::Vec<_> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, [device(1), device(2)]);
}
