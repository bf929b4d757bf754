//! How much the broker may send ahead, in bytes.
//!
//! Prefetch counts messages. What is heavier than usual is counted in bytes here, from its header on until it is
//! acknowledged, and past a bound nothing more is read from the socket: the broker then waits with the rest. Messages
//! of usual weight are bounded by prefetch alone, and cost nothing here.
//!
//! Reading only ever stops between two messages while one is in hand, so that there is always one to go on with. If
//! none of them is dealt with for long, nobody hears the other's heartbeats: a lost session, after which they come
//! again.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

/// A message up to this weight counts nothing, in bytes: 8,000 of them are 32 MiB.
const USUAL_MAX_BYTES: u64 = 4 * 1024;
/// Weight of heavier messages in hand at which reading stops, in bytes.
pub(super) const HEAVY_MAX_BYTES: u64 = 32 * 1024 * 1024;

/// What is in hand of one channel.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Tag and weight of each heavy message, in the order of their tags.
    heavy: VecDeque<(u64, u64)>,
    bytes: u64,
    /// Who waits to read on.
    waiting: Option<Waker>,
}

impl Ahead {
    /// A message has begun to arrive.
    pub(super) fn add(&mut self, tag: u64, bytes: u64) {
        if bytes > USUAL_MAX_BYTES {
            self.heavy.push_back((tag, bytes));
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    /// A message was dealt with, or with `multiple` all up to it; tag 0 with `multiple` is all there are.
    pub(super) fn release(&mut self, tag: u64, multiple: bool) {
        let covered = |of: u64| match (multiple, tag) {
            (true, 0) => true,
            (true, tag) => of <= tag,
            (false, tag) => of == tag,
        };
        self.heavy.retain(|(of, _)| !covered(*of));
        self.bytes = self.heavy.iter().map(|(_, bytes)| bytes).sum();
        if self.bytes < HEAVY_MAX_BYTES
            && let Some(waiting) = self.waiting.take()
        {
            waiting.wake();
        }
    }

    /// Whether more may be read. To be asked between two messages.
    pub(super) fn poll_room(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.bytes < HEAVY_MAX_BYTES {
            return Poll::Ready(());
        }
        self.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    const MIB: u64 = 1024 * 1024;

    #[derive(Default)]
    struct Calls(AtomicUsize);

    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn reading_stops_at_the_bound_and_goes_on_when_something_is_acknowledged() {
        let calls = Arc::new(Calls::default());
        let waker = Waker::from(Arc::clone(&calls));
        let cx = Context::from_waker(&waker);
        let mut ahead = Ahead::default();
        for tag in 1..=32 {
            assert!(ahead.poll_room(&cx).is_ready());
            ahead.add(tag, MIB);
        }
        assert!(ahead.poll_room(&cx).is_pending());
        ahead.release(7, false);
        assert_eq!(calls.0.load(Ordering::Relaxed), 1);
        assert!(ahead.poll_room(&cx).is_ready());
        ahead.add(33, 10 * MIB);
        assert!(ahead.poll_room(&cx).is_pending());
        ahead.release(32, true);
        assert_eq!(ahead.bytes, 10 * MIB);
        ahead.release(0, true);
        assert_eq!(ahead.bytes, 0);
    }

    #[test]
    fn usual_messages_are_not_counted() {
        let mut ahead = Ahead::default();
        for tag in 1..=100_000 {
            ahead.add(tag, USUAL_MAX_BYTES);
        }
        assert!(ahead.poll_room(&Context::from_waker(Waker::noop())).is_ready());
        ahead.release(100_000, true);
    }
}
