//! The price list: kept and replaced as a whole (P1).
//!
//! Left out: what a quantity costs. The rules compute that from the list; a top-up keeps the price that it was
//! asked for at (C4), so a replaced list changes nothing that is under way.

use crate::rows;
use crate::transaction::Tx;
use crate::{Store, StoreError};
use tokio_postgres::Row;
use topup_rules::prices::{PriceList, PriceTier, TaxPercent, UnitPrice};

/// The list as this transaction sees it.
pub(crate) async fn prices_in(tx: &Tx) -> Result<PriceList, StoreError> {
    let rows = tx
        .query(
            "SELECT service, currency, from_milli, unit_price_millionths, tax_percent_e4 FROM price_tiers",
            &[],
        )
        .await?;
    let tiers = rows.iter().map(tier).collect::<Result<Vec<_>, _>>()?;
    PriceList::new(tiers).map_err(|e| StoreError::Unreadable {
        table: "price_tiers",
        what: e.to_string(),
    })
}

fn tier(row: &Row) -> Result<PriceTier, StoreError> {
    Ok(PriceTier {
        service: rows::name(row, "service", "price_tiers")?,
        currency: rows::name(row, "currency", "price_tiers")?,
        from_credits: rows::credits(row, "from_milli")?,
        unit_price: UnitPrice::from_micro(row.try_get("unit_price_millionths")?),
        tax_percent: TaxPercent::from_ten_thousandths(row.try_get("tax_percent_e4")?),
    })
}

impl Store {
    /// The price list, ordered by service, currency and quantity. Empty where none was set.
    ///
    /// # Errors
    /// The database's; [`StoreError::Unreadable`] where the rows make no price list.
    pub async fn prices(&self) -> Result<PriceList, StoreError> {
        self.transact(|tx| async move { prices_in(&tx).await }).await
    }

    /// Puts `list` in the place of the whole price list, in one transaction: a reader sees the old list or the
    /// new one. Returns whether anything changed.
    ///
    /// # Errors
    /// The database's.
    pub async fn replace_prices(&self, list: &PriceList) -> Result<bool, StoreError> {
        self.transact(|tx| async move {
            let tx = &*tx;
            // Two who replace the list at once must not mix their lines.
            tx.execute("LOCK TABLE price_tiers IN SHARE ROW EXCLUSIVE MODE", &[])
                .await?;
            if prices_in(tx).await? == *list {
                return Ok(false);
            }
            tx.execute("DELETE FROM price_tiers", &[]).await?;
            insert(tx, list.tiers()).await?;
            Ok(true)
        })
        .await
    }
}

async fn insert(tx: &Tx, tiers: &[PriceTier]) -> Result<(), StoreError> {
    let services: Vec<&str> = tiers.iter().map(|t| t.service.as_str()).collect();
    let currencies: Vec<&str> = tiers.iter().map(|t| t.currency.as_str()).collect();
    let from: Vec<i64> = tiers.iter().map(|t| t.from_credits.milli()).collect();
    let unit_prices: Vec<i64> = tiers.iter().map(|t| t.unit_price.get()).collect();
    let taxes: Vec<i64> = tiers.iter().map(|t| t.tax_percent.get()).collect();
    tx.execute(
        "INSERT INTO price_tiers (service, currency, from_milli, unit_price_millionths, tax_percent_e4)
         SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])",
        &[&services, &currencies, &from, &unit_prices, &taxes],
    )
    .await?;
    Ok(())
}
