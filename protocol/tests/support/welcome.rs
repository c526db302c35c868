//! What a server says first.

use dialtone_protocol::ids::{ServerId, StoreId};
use dialtone_protocol::wire::event::{ServerEvent, Welcome, WelcomeLimits};

pub(crate) fn welcome() -> ServerEvent {
    ServerEvent::Welcome(Welcome {
        protocol: 1,
        server_id: ServerId([1; 16]),
        store_id: StoreId([1; 16]),
        limits: WelcomeLimits {
            body_bytes: 1,
            frame_bytes: 1,
            unacked_messages: 1,
            history_page: 1,
        },
        features: Vec::new(),
        ice_servers: Vec::new(),
        sigchain_head: None,
    })
}
