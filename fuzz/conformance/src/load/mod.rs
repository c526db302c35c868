//! The load generator: one channel, many receivers, a few senders among them, and the counts of what arrived.
//!
//! Every body names its run, its sender, its number and the time, so that a delivery is checked without parsing it.

mod body;
mod histogram;
mod member;
mod pace;
mod report;
mod tally;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_channel::Sender;
use dialtone_protocol::runtime::Runtime;
use dialtone_protocol::time::Instant;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::base::{Access, Account, Address, BaseError, channel, enter, open};
use crate::process::Usage;
pub use body::MIN_BODY_BYTES;
use body::Tag;
use member::{Common, Member, Sending};
pub use pace::Mode;
use pace::{Pace, Span};
pub use report::Report;
use tally::Tally;

/// Connections that are opened at a time.
const OPENING: usize = 16;

/// How often arrivals are counted while waiting for the last of them.
const COUNT_EVERY: Duration = Duration::from_millis(50);

/// How long a server may take to come to rest after connections were opened, before memory is read.
const REST: Duration = Duration::from_secs(2);

/// From the decision to begin until the first message: every sender has heard of it by then.
const LEAD: Duration = Duration::from_millis(50);

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub server: Address,
    /// What lets the kit in.
    pub access: Access,
    /// The channel to send to; a new one when there is none.
    pub channel: Option<String>,
    /// Connections, all of which receive.
    pub receivers: usize,
    /// How many of them belong to one user: a server may bound it. Only the host's token makes several users.
    pub per_user: usize,
    /// How many of them send as well.
    pub senders: u16,
    /// How they send.
    pub mode: Mode,
    /// For how long.
    pub span: Duration,
    /// How many messages each sender sends at most.
    pub limit: u32,
    /// The size of a message's body.
    pub body_bytes: usize,
    /// How long nothing may arrive until what is missing counts as lost.
    pub patience: Duration,
    /// The server's process, to measure what it uses.
    pub server_pid: Option<u32>,
}

/// Carries out a plan.
///
/// # Errors
///
/// When the server refuses the kit, or cannot be reached. What happens to messages is in the report.
pub async fn run<R: Runtime>(runtime: R, plan: Plan) -> Result<Report, BaseError> {
    let users = plan.receivers.div_ceil(plan.per_user.max(1));
    let accounts = enter(&runtime, &plan.server, &plan.access, users).await?;
    let Some(maker) = accounts.first() else {
        return Err(BaseError::Garbled("there are no users".into()));
    };
    let channel = match &plan.channel {
        Some(channel) => channel.clone(),
        None => channel(&runtime, &plan.server, maker).await?,
    };
    let before = plan.server_pid.and_then(Usage::of);
    let crowd = Crowd::gather(&runtime, &plan, &accounts, &channel).await?;
    pause(&runtime, REST).await;
    let resting = plan.server_pid.and_then(Usage::of);
    let ours = Usage::of(std::process::id());

    let from = runtime.now() + LEAD;
    let span = Span {
        from,
        until: from + plan.span,
    };
    crowd.begin(&plan, span).await;
    if plan.mode == Mode::Idle {
        pause(&runtime, plan.span).await;
    } else {
        crowd.end(&runtime, &plan, span).await;
    }

    let measured = report::Measured {
        before,
        resting,
        after: plan.server_pid.and_then(Usage::of),
        ours: (ours, Usage::of(std::process::id())),
    };
    Ok(report::report(&plan, from, &crowd.tallies(), measured))
}

async fn pause<R: Runtime>(runtime: &R, time: Duration) {
    runtime.sleep_until(runtime.now() + time).await;
}

/// All connections.
struct Crowd {
    tallies: Vec<Arc<Mutex<Tally>>>,
    /// Tells the senders to begin.
    starts: Vec<Sender<Pace>>,
}

impl Crowd {
    async fn gather<R: Runtime>(
        runtime: &R,
        plan: &Plan,
        accounts: &[Account],
        channel: &str,
    ) -> Result<Self, BaseError> {
        let common = Arc::new(Common {
            tag: Tag::new(runtime.seed()),
            around: (
                format!(
                    r#"{{"type":"channel.message.send","channel_id":"{channel}","sender_name_enc":"bG9hZA==","body":""#
                ),
                r#""}"#.to_owned(),
            ),
            body_bytes: plan.body_bytes,
        });
        let mut crowd = Self {
            tallies: Vec::with_capacity(plan.receivers),
            starts: Vec::with_capacity(plan.senders.into()),
        };
        // Each begins to read as soon as it is open: a server tells all of them about each one that comes.
        let mut opening = stream::iter(accounts.iter().cycle().take(plan.receivers))
            .map(|account| open(runtime, &plan.server, account))
            .buffer_unordered(OPENING);
        while let Some((stream, partial)) = opening.try_next().await? {
            let mut tally = Tally::new(plan.senders);
            let sending = crowd.sender(plan);
            tally.sending = sending.is_some();
            let tally = Arc::new(Mutex::new(tally));
            crowd.tallies.push(Arc::clone(&tally));
            runtime.spawn(Member {
                runtime: runtime.clone(),
                stream,
                common: Arc::clone(&common),
                tally,
                partial,
                outgoing: (Vec::new(), 0),
                sending,
            });
        }
        Ok(crowd)
    }

    /// What makes the next connection a sender, if more are needed.
    fn sender<R: Runtime>(&mut self, plan: &Plan) -> Option<Sending<R>> {
        let number = u16::try_from(self.starts.len()).ok()?;
        if number >= plan.senders {
            return None;
        }
        let (start, started) = async_channel::bounded(1);
        self.starts.push(start);
        Some(Sending {
            number,
            start: Box::pin(async move { started.recv().await.ok() }),
            pace: None,
            timer: None,
        })
    }

    async fn begin(&self, plan: &Plan, span: Span) {
        for (number, start) in (0..).zip(&self.starts) {
            let pace = Pace::new(plan.mode, span, number, plan.senders, plan.limit);
            // A connection that has ended says so in its tally.
            let _told = start.send(pace).await;
        }
    }

    /// Waits until everything has arrived, or nothing more does.
    async fn end<R: Runtime>(&self, runtime: &R, plan: &Plan, span: Span) {
        let mut last = (0, span.from);
        loop {
            pause(runtime, COUNT_EVERY).await;
            let (sent, received, sending) = self.count();
            let now = runtime.now();
            if received != last.0 {
                last = (received, now);
            }
            let over = !sending || now >= span.until;
            let whole = received >= sent * self.tallies.len() as u64 && !sending;
            if over && (whole || now - last.1 >= plan.patience) {
                return;
            }
        }
    }

    /// Messages sent, messages received, and whether anybody still sends.
    fn count(&self) -> (u64, u64, bool) {
        let mut sum = (0, 0, false);
        for tally in &self.tallies {
            let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            sum.0 += u64::from(tally.sent);
            sum.1 += tally.received;
            sum.2 |= tally.sending;
        }
        sum
    }

    fn tallies(&self) -> Vec<Tally> {
        let copy = |tally: &Arc<Mutex<Tally>>| {
            tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        self.tallies.iter().map(copy).collect()
    }
}

/// The time since `from`, at least a microsecond.
fn elapsed(from: Instant, to: Instant) -> f64 {
    (to - from).max(Duration::from_micros(1)).as_secs_f64()
}
