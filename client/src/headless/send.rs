//! `send`: sends messages, and ends once the server has them all.

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal, Read};
use std::pin::pin;

use async_channel::Receiver;
use dialtone_protocol::client::{Client, Event, SendError};
use dialtone_protocol::ids::{ChannelId, ClientId};
use dialtone_protocol::runtime::Runtime;
use futures_util::future::{Either, select};

use super::session::Session;
use super::{Context, output};
use crate::exit::{Exit, Failure};

/// How many messages are on the way at once.
const IN_FLIGHT: usize = 256;

/// Sends a text, or what standard input holds.
pub(super) async fn run<R: Runtime>(
    context: Context<R>,
    channel: &str,
    text: Option<String>,
    lines: bool,
) -> Result<(), Failure> {
    let text = text.filter(|text| text != "-");
    if text.is_none() && io::stdin().is_terminal() {
        output::note("Type the message; end it with ctrl+d.");
    }
    let texts = match (text, lines) {
        (Some(text), false) => Texts::One(text),
        (None, false) => Texts::One(context.runtime.unblock(read_all).await?),
        (None, true) => Texts::Lines,
        (Some(_), true) => {
            return Err(Failure::new(
                Exit::Usage,
                "--lines sends standard input: leave the text away",
            ));
        }
    };
    let mut session = context.session().await?;
    let outcome = send(&mut session, channel, texts).await;
    session.close_with(outcome).await
}

/// What is to be sent.
enum Texts {
    /// One message.
    One(String),
    /// Each line of standard input.
    Lines,
}

async fn send<R: Runtime>(
    session: &mut Session<R>,
    channel: &str,
    texts: Texts,
) -> Result<(), Failure> {
    session.until_member().await?;
    let channel = session.channel(channel).await?.id;
    let mut way = Way {
        channel,
        sent: BTreeSet::new(),
        failed: None,
    };
    match texts {
        Texts::One(text) => way.queue(session, text).await?,
        Texts::Lines => {
            let lines = read_lines();
            while let Some(line) = way.next_line(session, &lines).await? {
                if !line.trim().is_empty() {
                    way.queue(session, line).await?;
                }
            }
        }
    }
    way.until_at_most(session, 0).await
}

/// The messages that are on their way.
struct Way {
    channel: ChannelId,
    sent: BTreeSet<ClientId>,
    failed: Option<String>,
}

impl Way {
    async fn queue<R: Runtime>(
        &mut self,
        session: &mut Session<R>,
        text: String,
    ) -> Result<(), Failure> {
        loop {
            let (channel, text) = (self.channel, text.clone());
            let send = move |client: &mut Client, now| client.send_message(channel, &text, now);
            match session.with(send).await? {
                Ok(id) => {
                    self.sent.insert(id);
                    return self.until_at_most(session, IN_FLIGHT).await;
                }
                // Messages of an earlier run may fill it.
                Err(SendError::OutboxFull) => self.take_in(session).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until at most so many messages have no ack.
    async fn until_at_most<R: Runtime>(
        &mut self,
        session: &mut Session<R>,
        many: usize,
    ) -> Result<(), Failure> {
        while self.sent.len() > many {
            self.take_in(session).await?;
        }
        match self.failed.take() {
            Some(reason) => Err(Failure::new(
                Exit::Refused,
                format_args!("a message was not sent: {reason}"),
            )),
            None => Ok(()),
        }
    }

    /// Waits for a line as long as the session goes on. `None` after the last one.
    async fn next_line<R: Runtime>(
        &mut self,
        session: &mut Session<R>,
        lines: &Receiver<io::Result<String>>,
    ) -> Result<Option<String>, Failure> {
        loop {
            match select(pin!(lines.recv()), pin!(session.next_event(None))).await {
                Either::Left((line, _)) => {
                    return line.ok().transpose().map_err(|error| unreadable(&error));
                }
                Either::Right((event, _)) => self.note(event?),
            }
        }
    }

    async fn take_in<R: Runtime>(&mut self, session: &mut Session<R>) -> Result<(), Failure> {
        self.note(session.next_event(None).await?);
        Ok(())
    }

    fn note(&mut self, event: Option<Event>) {
        match event {
            Some(Event::Acked { client_id, .. }) => {
                self.sent.remove(&client_id);
            }
            Some(Event::SendFailed {
                client_id, reason, ..
            }) if self.sent.remove(&client_id) => self.failed = Some(reason.to_string()),
            _ => {}
        }
    }
}

fn read_all() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| unreadable(&error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads standard input on a thread of its own, since a read may block for ever.
fn read_lines() -> Receiver<io::Result<String>> {
    let (sender, lines) = async_channel::bounded(IN_FLIGHT);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if sender.send_blocking(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(
        Exit::Failed,
        format_args!("cannot read standard input: {error}"),
    )
}
