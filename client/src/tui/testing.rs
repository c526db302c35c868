//! What tests of the screens share: people, channels, messages, and screens as text.

use std::sync::Arc;

use dialtone_protocol::client::{Access, ConnectionState, Standing};
use dialtone_protocol::ids::{ChannelId, ClientId, Seq, UserId};
use dialtone_protocol::time::UnixMillis;
use jiff::tz::TimeZone;
use tuirealm::listener::EventListenerCfg;
use tuirealm::ratatui::buffer::Buffer;
use tuirealm::ratatui::layout::Size;
use tuirealm::terminal::{TerminalAdapter as _, TestTerminalAdapter};

use super::editor::Edit;
use super::model::Model;
use super::msg::{ChatMsg, Effect, Msg};
use super::port::Update;
use super::snapshot::{Channel, Content, Mark, Member, Message, Newcomer, Profile};
use super::stage::Stage;
use super::text::{Clock, width};
use super::theme::Theme;
use super::welcome::Welcome;

pub(super) const ANN: UserId = UserId([0xaa; 16]);
pub(super) const BOB: UserId = UserId([0xbb; 16]);
pub(super) const GENERAL: ChannelId = ChannelId([1; 16]);
pub(super) const RANDOM: ChannelId = ChannelId([2; 16]);
pub(super) const STAFF: ChannelId = ChannelId([3; 16]);

/// 2026-11-22 21:00 UTC.
const EVENING: u64 = 1_795_381_200_000;
const MINUTE: u64 = 60_000;

pub(super) fn ann() -> Profile {
    Profile {
        user: Some(ANN),
        username: "ann".to_owned(),
        admin: true,
        standing: Standing::Member,
        safety_number: None,
    }
}

pub(super) fn channel(id: ChannelId, name: &str, unread: u64) -> Channel {
    Channel {
        id,
        name: Some(name.to_owned()),
        access: Access::Open,
        unread,
        can_send: true,
        original: false,
        confusable: false,
    }
}

pub(super) fn channels() -> Vec<Channel> {
    let staff = Channel {
        access: Access::Private,
        ..channel(STAFF, "staff", 0)
    };
    vec![
        channel(RANDOM, "random", 3),
        channel(GENERAL, "general", 0),
        staff,
    ]
}

pub(super) fn member(user: UserId, name: &str, admin: bool, online: bool) -> Member {
    Member {
        user,
        name: Some(name.to_owned()),
        admin,
        online,
        pending: None,
        confusable: false,
    }
}

pub(super) fn members() -> Vec<Member> {
    let carl = Member {
        name: None,
        pending: Some(Newcomer {
            safety_number: "12345 67890 12345 67890 12345 67890".to_owned(),
            says: Some("carl".to_owned()),
        }),
        ..member(UserId([0xcc; 16]), "", false, false)
    };
    vec![
        member(BOB, "bob", false, false),
        member(ANN, "ann", true, true),
        carl,
    ]
}

/// The message of this number, one each minute.
pub(super) fn message(seq: u64, sender: UserId, text: &str) -> Message {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&seq.to_be_bytes());
    Message {
        seq: Some(Seq(seq)),
        client_id: ClientId(id),
        sender: Some(sender),
        sender_name: Some(if sender == ANN { "ann" } else { "bob" }.to_owned()),
        content: Content::Text(text.to_owned()),
        sent_at: UnixMillis(EVENING + seq * MINUTE),
        mark: Mark::Sent,
    }
}

/// A message that has no number yet.
pub(super) fn unsent(text: &str, mark: Mark) -> Message {
    Message {
        seq: None,
        client_id: ClientId([0xee; 16]),
        mark,
        ..message(0, ANN, text)
    }
}

/// The messages of a long talk, from one number to another.
pub(super) fn talk(from: u64, to: u64) -> Vec<Message> {
    let line = |seq| {
        message(
            seq,
            if seq % 3 == 0 { ANN } else { BOB },
            &format!("line {seq}"),
        )
    };
    (from..=to).map(line).collect()
}

/// A program under test.
pub(super) struct Bench {
    pub(super) model: Model,
    columns: u16,
    rows: u16,
}

impl Bench {
    /// The first screen.
    pub(super) fn welcome(welcome: Welcome, columns: u16, rows: u16) -> Self {
        let model = Model::new(welcome, columns, rows, Clock::new(TimeZone::UTC));
        Self {
            model,
            columns,
            rows,
        }
    }

    /// A chat that is online, with channels and members, and an empty channel open.
    pub(super) fn chat(columns: u16, rows: u16) -> Self {
        let mut bench = Self::welcome(Welcome::new(Vec::new(), None), columns, rows);
        bench.tell(Update::Entered(ann()));
        bench.tell(Update::Connection(ConnectionState::Online));
        bench.tell(Update::Members(members()));
        bench.tell(Update::Channels(channels()));
        bench
    }

    pub(super) fn tell(&mut self, update: Update) -> Vec<Effect> {
        self.model.update(Msg::Account(update))
    }

    /// Tells messages of the channel that is open at the start, from the first of them on.
    pub(super) fn messages(&mut self, messages: &[Message]) -> Vec<Effect> {
        let from = messages
            .iter()
            .find_map(|message| message.seq)
            .unwrap_or(Seq(u64::MAX));
        self.tell(Update::Messages {
            channel: GENERAL,
            from,
            messages: Arc::from(messages),
        })
    }

    pub(super) fn press(&mut self, key: ChatMsg) -> Vec<Effect> {
        self.model.update(Msg::Chat(key))
    }

    pub(super) fn type_in(&mut self, text: &str) {
        self.press(ChatMsg::Edit(Edit::Insert(text.to_owned())));
    }

    /// Types a line and sends it.
    pub(super) fn enter(&mut self, text: &str) -> Vec<Effect> {
        self.type_in(text);
        self.press(ChatMsg::Submit)
    }

    pub(super) fn resize(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
        self.model.update(Msg::Resize(columns, rows));
    }

    pub(super) fn buffer(&self, theme: Theme) -> Buffer {
        let mut stage = Stage::new(EventListenerCfg::default(), theme).expect("mounted");
        stage.focus(&self.model).expect("focused");
        let mut terminal = TestTerminalAdapter::new(Size::new(self.columns, self.rows))
            .expect("a terminal in memory");
        let drawn = terminal
            .draw(|frame| stage.draw(&self.model, frame))
            .expect("drawn");
        drawn.buffer.clone()
    }

    /// The screen as text.
    pub(super) fn screen(&self) -> String {
        text_of(&self.buffer(Theme::COLOURS))
    }

    /// The rows that hold a text.
    pub(super) fn rows_with(&self, text: &str) -> usize {
        self.screen()
            .lines()
            .filter(|row| row.contains(text))
            .count()
    }
}

/// The rows of a screen, without the spaces at their ends.
fn text_of(buffer: &Buffer) -> String {
    let area = buffer.area();
    let mut text = String::new();
    for y in area.y..area.bottom() {
        let mut row = String::new();
        let mut covered = 0;
        for x in area.x..area.right() {
            let symbol = buffer[(x, y)].symbol();
            // The cells behind a wide character hold nothing of their own.
            if covered == 0 {
                row.push_str(symbol);
                covered = width(symbol);
            }
            covered = covered.saturating_sub(1);
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}
