//! hyper's timers over the runtime port.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use dialtone_protocol::runtime::Runtime;
use hyper::rt;

/// Gives hyper timers.
pub(super) struct PortTimer<R>(pub(super) R);

impl<R: Runtime> rt::Timer for PortTimer<R> {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        let at = self.0.now() + duration;
        Box::pin(Nap(Box::pin(self.0.sleep_until(at))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }
}

impl<R> fmt::Debug for PortTimer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PortTimer")
    }
}

struct Nap<S>(Pin<Box<S>>);

impl<S: Future<Output = ()> + Send + Sync> rt::Sleep for Nap<S> {}

impl<S: Future<Output = ()>> Future for Nap<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}
