//! `fleetctl prices`: the whole price list replaced by a file's.

use crate::fields::{self, Wrong};
use crate::fleet::Fleet;
use crate::lines::{Lines, Mistake};
use crate::output::{Report, count};
use anyhow::Context as _;
use serde::Serialize;
use topup_rules::prices::{PriceList, PriceListError, PriceProblem, PriceTier};

/// Longest line, in bytes.
const LINE_MAX_BYTES: usize = 64 * 1024;
/// Most prices of a list: each is compared with all before it.
const PRICES_MAX: usize = 10_000;

#[derive(Serialize)]
struct Replaced {
    prices: usize,
    changed: bool,
}

/// Replaces the list; a mistake refuses the whole file.
///
/// # Errors
/// Settings; the first [`Mistake`]; the database's.
pub(crate) async fn run(fleet: &Fleet, file: &str) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let mut lines = Lines::open(file, LINE_MAX_BYTES)?;
    let list = read(&mut lines).await?;
    let changed = store
        .replace_prices(&list)
        .await
        .context("the price list could not be replaced")?;
    let prices = list.tiers().len();
    let what = count(prices as u64, "price", "prices");
    let text = if changed {
        format!("the price list is replaced: {what}")
    } else {
        format!("the price list was like that before: {what}")
    };
    Report::fine(&Replaced { prices, changed }, text)
}

async fn read(lines: &mut Lines) -> anyhow::Result<PriceList> {
    let (mut numbers, mut tiers) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next().await? {
        let line = line?;
        let tier: PriceTier = fields::read(&line.text)
            .map_err(|Wrong { field, problem }| lines.mistake(line.number, field, problem))?;
        anyhow::ensure!(
            tiers.len() < PRICES_MAX,
            "{}: more than {PRICES_MAX} prices",
            lines.name()
        );
        numbers.push(line.number);
        tiers.push(tier);
    }
    // An empty file is rather a slip than a wish to sell nothing.
    anyhow::ensure!(!tiers.is_empty(), "{}: there is no price in it", lines.name());
    Ok(PriceList::new(tiers).map_err(|wrong| mistake(lines, &numbers, &wrong))?)
}

/// The list's own checks count prices; people count lines.
fn mistake(lines: &Lines, numbers: &[u64], wrong: &PriceListError) -> Mistake {
    let at = wrong.position.checked_sub(1).and_then(|index| numbers.get(index));
    let number = at.copied().unwrap_or_default();
    let field = match wrong.problem {
        PriceProblem::FromCredits(_) | PriceProblem::Duplicate { .. } => "from_credits",
        PriceProblem::UnitPrice(_) => "unit_price_minor",
        PriceProblem::TaxPercent(_) | PriceProblem::TaxDiffers { .. } => "tax_percent",
    };
    let said = wrong.problem.to_string();
    let problem = said.strip_prefix(field).map_or(said.as_str(), str::trim_start);
    lines.mistake(number, Some(field.to_owned()), problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    async fn read_text(name: &str, text: &str) -> Result<usize, String> {
        let path = std::env::temp_dir().join(format!("fleetctl-{}-{name}.ndjson", std::process::id()));
        std::fs::File::create(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let file = path.to_str().unwrap();
        let list = read(&mut Lines::open(file, LINE_MAX_BYTES).unwrap()).await;
        std::fs::remove_file(&path).unwrap();
        list.map(|list| list.tiers().len())
            .map_err(|e| e.to_string().replace(file, "FILE"))
    }

    const GOOD: &str =
        r#"{"service":"sms","currency":"ZAR","from_credits":0,"unit_price_minor":"25.5","tax_percent":"15"}"#;

    #[tokio::test]
    async fn a_list_is_read_with_its_blank_lines() {
        let second = GOOD.replace("\"from_credits\":0", "\"from_credits\":500");
        assert_eq!(read_text("good", &format!("{GOOD}\n\n{second}\n")).await, Ok(2));
        assert_eq!(
            read_text("empty", "\n").await,
            Err("FILE: there is no price in it".into())
        );
    }

    #[tokio::test]
    async fn a_mistake_is_named_with_file_line_and_field() {
        for (change, expected) in [
            (
                ("\"25.5\"", "0"),
                "FILE:3: field `unit_price_minor`: must be above 0 and at most 1000000, and is 0",
            ),
            (
                ("ZAR", "rand"),
                "FILE:3: field `currency`: \"rand\" is not an ISO 4217 currency code of three capital letters",
            ),
            (
                (",\"tax_percent\":\"15\"", ""),
                "FILE:3: field `tax_percent`: is missing",
            ),
            (
                ("\"from_credits\":0", "\"from_credits\":1,\"tax_percent\":14"),
                "FILE:3: field `tax_percent`: is there twice",
            ),
            (
                ("\"15\"", "\"14\""),
                "FILE:3: field `from_credits`: 0 of sms in ZAR is listed already",
            ),
        ] {
            let broken = GOOD.replace(change.0, change.1);
            let seen = read_text("broken", &format!("{GOOD}\n\n{broken}\n")).await;
            assert_eq!(seen, Err(expected.to_owned()));
        }
    }
}
