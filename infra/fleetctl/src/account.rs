//! `fleetctl account`: one account as it stands now.

use crate::cli::AccountCommand;
use crate::fleet::Fleet;
use crate::output::Report;
use crate::words;
use std::fmt::Write as _;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::money::{Currency, Money};
use topup_store::{AccountView, AutoTopupView, OpenTopupView, WalletView};

/// Shows an account.
///
/// # Errors
/// Settings; no such account; the database's.
pub(crate) async fn run(fleet: &Fleet, command: &AccountCommand) -> anyhow::Result<Report> {
    let AccountCommand::Show { account } = command;
    let Some(view) = fleet.store()?.account_view(*account).await? else {
        anyhow::bail!("there is no account {account}");
    };
    Report::fine(&view, told(&view)?)
}

fn told(view: &AccountView) -> anyhow::Result<String> {
    let mut text = format!("account {}, {}", view.account_id, view.kind);
    if let Some(parent) = view.parent_id {
        write!(text, " of {parent}")?;
    }
    writeln!(text, ", {}, language {}", view.currency, view.language)?;
    let none = "none: nothing is sent there";
    writeln!(
        text,
        "  mobile         {}",
        view.mobile.as_deref().unwrap_or(none)
    )?;
    writeln!(text, "  e-mail         {}", view.email.as_deref().unwrap_or(none))?;
    if view.wallets.is_empty() {
        text.push_str("\nno wallets\n");
    }
    for wallet in &view.wallets {
        wallet_told(&mut text, wallet, view.currency)?;
    }
    Ok(text)
}

fn wallet_told(text: &mut String, wallet: &WalletView, currency: Currency) -> anyhow::Result<()> {
    write!(
        text,
        "\nwallet {}\n  credits        {}",
        wallet.service, wallet.credits
    )?;
    if wallet.available != wallet.credits {
        write!(
            text,
            ", {} available (the rest is held for batches)",
            wallet.available
        )?;
    }
    match wallet.low_credit_threshold {
        Credits::ZERO => write!(text, "\n  low credit     no notice")?,
        threshold => write!(text, "\n  low credit     notice at {threshold} or below")?,
    }
    match &wallet.auto_topup {
        None => write!(text, "\n  auto top-up    never set up")?,
        Some(auto) => auto_told(text, auto, currency)?,
    }
    if let Some(open) = &wallet.open_topup {
        write!(text, "\n  open top-up    {}", open_told(open, currency))?;
    }
    text.push('\n');
    Ok(())
}

fn auto_told(text: &mut String, auto: &AutoTopupView, currency: Currency) -> anyhow::Result<()> {
    let by = match auto.method {
        Method::Card => "by card",
        Method::Transfer => "by transfer from the main account",
    };
    write!(
        text,
        "\n  auto top-up    {by}: at {} or below, {} credits",
        auto.threshold, auto.quantity
    )?;
    if !auto.enabled {
        write!(
            text,
            "\n                 disabled: {}",
            auto.disabled_reason.as_deref().unwrap_or("no reason kept")
        )?;
    }
    if let Some(card) = &auto.card {
        let month = card
            .exp_month
            .map_or_else(|| "??".to_owned(), |m| format!("{m:02}"));
        let year = card.exp_year.map_or_else(|| "????".to_owned(), |y| y.to_string());
        write!(
            text,
            "\n  card           {} ending in {}, good through {month}/{year}, {}",
            card.brand.as_deref().unwrap_or("card"),
            card.last4.as_deref().unwrap_or("????"),
            card.authorization_code
        )?;
    }
    if let Some(caps) = auto.caps {
        let day = caps.topups_per_day.map(|n| format!("{n} top-ups a day"));
        let month = caps
            .amount_minor_per_month
            .map(|n| format!("{} a month", Money::new(n, currency)));
        let both: Vec<String> = day.into_iter().chain(month).collect();
        write!(text, "\n  at most        {}", both.join(", "))?;
    }
    Ok(())
}

fn open_told(open: &OpenTopupView, currency: Currency) -> String {
    let mut text = format!("{}, {} credits", open.state, open.quantity);
    if let Some(amount_minor) = open.amount_minor {
        text += &format!(" for {}", Money::new(amount_minor, currency));
    }
    if let Some(due_at) = open.due_at {
        text += &format!(", due at {}", words::moment(due_at));
    }
    text + &format!(" ({})", open.topup_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use topup_rules::account::Caps;
    use topup_rules::ids::{AccountId, Service};
    use topup_rules::topup::TopupState;
    use topup_store::{KindImport, SavedCard};

    #[test]
    fn an_account_is_shown_with_everything_that_decides_about_it() {
        let card = SavedCard {
            authorization_code: "AUTH_…".into(),
            email: "ops@example.com".into(),
            brand: Some("visa".into()),
            last4: Some("4081".into()),
            exp_month: Some(3),
            exp_year: Some(2030),
            signature: None,
            gateway: "paystack".into(),
        };
        let view = AccountView {
            account_id: AccountId::new(2001).unwrap(),
            kind: KindImport::Sub,
            parent_id: AccountId::new(1001),
            currency: "ZAR".parse().unwrap(),
            language: "en".into(),
            mobile: Some("+27820000001".into()),
            email: None,
            has_subs: false,
            wallets: vec![WalletView {
                service: Service::Sms,
                credits: Credits::from_milli(99_500),
                available: Credits::from_milli(90_000),
                low_credit_threshold: Credits::from_milli(50_000),
                auto_topup: Some(AutoTopupView {
                    method: Method::Card,
                    threshold: Credits::from_milli(100_000),
                    quantity: Credits::from_milli(500_000),
                    enabled: false,
                    disabled_reason: Some("declined".into()),
                    disabled_at: None,
                    caps: Some(Caps {
                        topups_per_day: Some(5),
                        amount_minor_per_month: None,
                    }),
                    card: Some(card),
                }),
                open_topup: Some(OpenTopupView {
                    topup_id: uuid::Uuid::nil(),
                    state: TopupState::Scheduled,
                    due_at: Some("2026-11-22T08:45:00.4Z".parse().unwrap()),
                    quantity: Credits::from_milli(500_000),
                    amount_minor: Some(12_750),
                }),
            }],
        };
        assert_eq!(
            told(&view).unwrap(),
            "account 2001, sub of 1001, ZAR, language en\n\
            \x20 mobile         +27820000001\n\
            \x20 e-mail         none: nothing is sent there\n\
             \n\
             wallet sms\n\
            \x20 credits        99.5, 90 available (the rest is held for batches)\n\
            \x20 low credit     notice at 50 or below\n\
            \x20 auto top-up    by card: at 100 or below, 500 credits\n\
            \x20                disabled: declined\n\
            \x20 card           visa ending in 4081, good through 03/2030, AUTH_…\n\
            \x20 at most        5 top-ups a day\n\
            \x20 open top-up    scheduled, 500 credits for ZAR 127.50, due at 2026-11-22 08:45:00Z \
             (00000000-0000-0000-0000-000000000000)\n"
        );
    }
}
