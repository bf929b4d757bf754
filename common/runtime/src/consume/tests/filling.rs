//! One batch fills while the one before it is with the handler.

use super::{bench, body, delivery};
use crate::consume::batch::fill;
use crate::consume::session::End;
use crate::consume::{BatchHandler, Failure, Meta, Outcome};
use futures_util::{StreamExt as _, stream};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use topup_rules::message::SmsSent;

/// Messages of a batch, at most.
const BATCH_MAX: usize = 4;

/// Says how large each batch is that it is given, and keeps it until it is let go.
struct Held {
    begun: watch::Sender<Vec<usize>>,
    gate: Arc<Semaphore>,
}

impl BatchHandler for Held {
    type Message = SmsSent;

    async fn handle(&self, batch: Vec<(SmsSent, &Meta)>) -> Result<Vec<Outcome>, Failure> {
        self.begun.send_modify(|sizes| sizes.push(batch.len()));
        self.gate
            .acquire()
            .await
            .map_err(|closed| Failure::of(closed.to_string()))?
            .forget();
        Ok(vec![Outcome::Done; batch.len()])
    }
}

#[tokio::test]
async fn the_next_batch_fills_while_one_commits_and_no_further_than_its_bound() {
    let around = bench();
    let (begun, mut sizes) = watch::channel(Vec::new());
    let gate = Arc::new(Semaphore::new(0));
    let handler = Arc::new(Held {
        begun,
        gate: Arc::clone(&gate),
    });
    let (taken, mut taken_count) = watch::channel(0);
    let (arrive, arriving) = tokio::sync::mpsc::unbounded_channel();
    let mut arrivals = Box::pin(stream::unfold(
        (arriving, taken),
        async |(mut arriving, taken)| {
            let next = arriving.recv().await?;
            taken.send_modify(|count| *count += 1);
            Some((Ok(next), (arriving, taken)))
        },
    ))
    .fuse();
    let (desk, stop, shutdown) = (around.desk.clone(), around.stop.clone(), around.stop.clone());
    let filling = tokio::spawn(async move {
        let over = async {
            shutdown.wait().await;
            End::Shutdown
        };
        let (end, _in_hand) = fill(&mut arrivals, over, &stop, &desk, &handler, BATCH_MAX).await;
        assert!(matches!(end, End::Shutdown), "{end:?}");
    });

    arrive.send(delivery(1, "topup", body(1))).unwrap();
    sizes.wait_for(|sizes| sizes == &[1]).await.unwrap();
    for tag in 2..=6 {
        arrive.send(delivery(tag, "topup", body(1))).unwrap();
    }
    // The first one is still held; the next one is full, and the sixth message is left where it is.
    taken_count
        .wait_for(|count| *count == 1 + BATCH_MAX)
        .await
        .unwrap();
    assert_eq!(*sizes.borrow(), [1]);

    gate.add_permits(1);
    sizes.wait_for(|sizes| sizes == &[1, BATCH_MAX]).await.unwrap();
    gate.add_permits(1);
    sizes.wait_for(|sizes| sizes == &[1, BATCH_MAX, 1]).await.unwrap();
    assert_eq!(*taken_count.borrow(), 6);
    around.stopper.stop();
    filling.await.unwrap();
}
