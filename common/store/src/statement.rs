//! All entries of a span, the oldest first, however many: as a stream that holds a few at a time, and a connection only
//! while it asks for the next ones.

use crate::listing::{LedgerRow, LedgerSpan, Order};
use crate::{Store, StoreError};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use topup_rules::ids::WalletKey;
use uuid::Uuid;

/// Entries that are held at a time.
const CHUNK: u16 = 1_000;

impl Store {
    /// A wallet's entries of a span, the oldest first. Only days that are not closed are looked at. An error is the
    /// stream's last item.
    pub fn statement(
        &self,
        wallet: WalletKey,
        span: LedgerSpan,
    ) -> impl Stream<Item = Result<LedgerRow, StoreError>> + Send + use<> {
        let store = self.clone();
        // The key behind which the next chunk begins; `None` once there is none.
        let chunks = stream::try_unfold(Some(None::<Uuid>), move |at| {
            let store = store.clone();
            async move {
                let Some(after) = at else { return Ok(None) };
                let page = store
                    .read_ledger(wallet, span, Order::OldestFirst, after, CHUNK)
                    .await?;
                let next = page.next.map(Some);
                Ok::<_, StoreError>(Some((stream::iter(page.rows).map(Ok), next)))
            }
        });
        chunks.try_flatten()
    }
}
