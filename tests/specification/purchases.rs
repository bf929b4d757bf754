//! C5, P4: credits bought by hand are charged under one reference, credited by their result alone, and told by a
//! receipt or by what went wrong. Their failure disables nothing.

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde_json::json;
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::money::Money;
use topup_rules::one_click::OneClickRefusal;
use topup_rules::prices::{PriceChanged, Wanted};
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::PaymentState;
use topup_store::{Begun, GatewayCall, NewPurchase, NotOpened, PurchaseRefusal};
use topup_tests::{Library, Price, Shop, account_id, credits, event, main_account, raw};
use uuid::Uuid;

const ACCOUNT: i64 = Shop::ACCOUNT;
const PRICE_MINOR: i64 = Shop::PRICE_MINOR;

#[tokio::test]
async fn a_one_click_purchase_is_credited_with_a_receipt_and_neither_waits_for_the_spacing_nor_counts()
-> Result<()> {
    let shop = Shop::open("AUTH_ok").await?;
    shop.one_click().await?;
    shop.app.balance_becomes(ACCOUNT, "sms", "650").await?;
    let receipt = shop.one_mail().await?;
    assert_eq!(receipt.to, ["account-1001@example.com"]);
    let text = receipt.text.unwrap_or_default();
    // The price, the tax in it, what was bought, whose card, what is there now, and for whom the invoice is.
    for words in ["352.47", "45.97", "500", "4081", "650", "Protea Books"] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    // Right after it, a top-up is charged as if there had been none, and a purchase right after that.
    shop.app.send(&[event(ACCOUNT).credits(550)]).await?;
    shop.app.balance_becomes(ACCOUNT, "sms", "600").await?;
    shop.one_click().await?;
    shop.app.balance_becomes(ACCOUNT, "sms", "1100").await?;
    let captures = shop.app.outside.captures(3).await?;
    assert!(captures.iter().all(|it| it.amount == PRICE_MINOR), "{captures:?}");
    shop.app.finish().await
}

#[tokio::test]
async fn a_purchase_that_the_bank_refuses_is_told_by_mail_and_disables_nothing() -> Result<()> {
    let shop = Shop::open("AUTH_insufficient").await?;
    let reference = shop.one_click().await?;
    shop.payment_becomes(&reference, "failed").await?;
    let mail = shop.one_mail().await?;
    let text = mail.text.unwrap_or_default().to_lowercase();
    assert!(text.contains("insufficient") && text.contains("352.47"), "{text}");
    assert_eq!(shop.app.balance(ACCOUNT).await?, "150");
    shop.is_untouched().await?;
    shop.app.finish().await
}

#[tokio::test]
async fn a_purchase_whose_outcome_is_not_known_at_first_is_credited_when_it_is() -> Result<()> {
    for card in ["AUTH_timeout", "AUTH_lost", "AUTH_pending"] {
        let shop = Shop::open(card).await?;
        shop.app.outside.trouble(json!({"webhooks": "never"})).await?;
        let reference = shop.one_click().await.context(card)?;
        shop.payment_becomes(&reference, "succeeded")
            .await
            .context(card)?;
        shop.app.balance_becomes(ACCOUNT, "sms", "650").await?;
        shop.one_mail().await?;
        assert_eq!(shop.app.outside.captures(1).await?.len(), 1, "{card}");
        shop.app.finish().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_purchase_that_never_reached_the_gateway_fails_and_is_not_charged_behind_the_customer_s_back()
-> Result<()> {
    let shop = Shop::open("AUTH_5xx").await?;
    let reference = shop.one_click().await?;
    shop.payment_becomes(&reference, "failed").await?;
    shop.one_mail().await?;
    assert!(shop.app.outside.captures(0).await?.is_empty());
    assert_eq!(shop.app.outside.charges(1).await?.len(), 1);
    shop.is_untouched().await?;
    shop.app.finish().await
}

#[tokio::test]
async fn a_success_that_comes_after_the_failure_of_a_purchase_is_credited_once() -> Result<()> {
    let shop = Shop::open("AUTH_declined").await?;
    let reference = shop.one_click().await?;
    shop.payment_becomes(&reference, "failed").await?;
    let success = || {
        let body = json!({
            "reference": reference, "gateway": "paystack", "status": "success", "amount_minor": PRICE_MINOR,
            "currency": "ZAR", "source": "webhook", "mode": "test", "occurred_at": Timestamp::now().to_string(),
        });
        raw(body.to_string()).kind(Some("payment-results.v1"))
    };
    shop.app
        .broker
        .publish_to("payment-results", (0..20).map(|_| success()))
        .await?;
    shop.app.balance_becomes(ACCOUNT, "sms", "650").await?;
    shop.app.outside.mail(2).await?;
    shop.app.wait_until_idle().await?;
    assert_eq!(shop.app.outside.mail(2).await?.len(), 2);
    assert_eq!(shop.app.balance(ACCOUNT).await?, "650");
    shop.is_untouched().await?;
    shop.app.finish().await
}

#[tokio::test]
async fn a_challenged_purchase_leads_the_customer_to_the_gateway_s_page_and_is_credited_once_it_is_paid_there()
-> Result<()> {
    let shop = Shop::open("AUTH_paused").await?;
    let reference = shop.one_click().await?;
    shop.payment_becomes(&reference, "pending").await?;
    let row = shop
        .app
        .rows
        .client()
        .query_one(
            "SELECT checkout_url FROM payments WHERE reference = $1",
            &[&reference.as_str()],
        )
        .await?;
    let url: Option<String> = row.try_get(0)?;
    let url = url.context("no page to go to")?;
    shop.app.wait_until_idle().await?;
    assert!(shop.app.outside.mail(0).await?.is_empty());
    shop.on_page(&url, "pay").await?;
    shop.app.balance_becomes(ACCOUNT, "sms", "650").await?;
    shop.one_mail().await?;
    shop.app.finish().await
}

#[tokio::test]
async fn a_hosted_purchase_is_credited_by_its_verified_result_and_the_page_declined_fails_it() -> Result<()> {
    let shop = Shop::open("AUTH_ok").await?;
    let (paid, page) = shop.hosted().await?;
    let (declined, other_page) = shop.hosted().await?;
    for intent in [&paid, &declined] {
        let again = NewPurchase {
            id: intent.id,
            ..Shop::new_purchase(PurchaseMethod::Hosted)
        };
        let (state, checkout_url) = shop.begun_before(&again).await?;
        assert_eq!(state, PaymentState::Pending);
        assert!(checkout_url.is_some());
    }
    shop.on_page(&page, "pay").await?;
    shop.on_page(&other_page, "decline").await?;
    shop.payment_becomes(&paid.reference, "succeeded").await?;
    shop.payment_becomes(&declined.reference, "failed").await?;
    shop.app.outside.mail(2).await?;
    shop.app.wait_until_idle().await?;
    assert_eq!(shop.app.balance(ACCOUNT).await?, "650");
    assert_eq!(shop.app.outside.mail(2).await?.len(), 2);
    shop.is_untouched().await?;
    shop.app.finish().await
}

#[tokio::test]
async fn a_purchase_without_a_page_to_pay_on_fails_at_once() -> Result<()> {
    let shop = Shop::open("AUTH_ok").await?;
    let new = Shop::new_purchase(PurchaseMethod::Hosted);
    let Begun::Page(intent) = shop.store.begin_purchase(&new).await? else {
        bail!("no page to ask for")
    };
    let call = GatewayCall {
        started_at: Timestamp::now(),
    };
    let messages = shop
        .store
        .record_not_opened(
            &intent,
            call,
            NotOpened::NoPage,
            "the payment page could not be opened",
            "HTTP 503",
        )
        .await?;
    shop.publish(messages).await?;
    shop.payment_becomes(&intent.reference, "failed").await?;
    let mail = shop.one_mail().await?;
    let text = mail.text.unwrap_or_default();
    assert!(
        text.contains("could not be opened") && !text.contains("503"),
        "{text}"
    );
    shop.app.finish().await
}

/// A database of its own with prices, and a wallet with a card.
async fn library() -> Result<Library> {
    let library = Library::with(&[
        main_account(ACCOUNT).credits(150).card("AUTH_ok").whatsapp(),
        main_account(1002).email(None),
    ])
    .await?;
    library.list_prices().await?;
    let rows = library.rows().await?;
    rows.agree_to_one_click(ACCOUNT).await?;
    Ok(library)
}

#[tokio::test]
async fn a_purchase_that_is_asked_for_twenty_times_at_once_is_begun_once() -> Result<()> {
    let library = library().await?;
    let new = Shop::new_purchase(PurchaseMethod::OneClick);
    let begun = try_join_all((0..20).map(|_| library.store.begin_purchase(&new))).await?;
    let mut charges = 0;
    for it in begun {
        match it {
            Begun::Charge(intent) => {
                charges += 1;
                assert_eq!(intent.amount.amount_minor, PRICE_MINOR);
                assert_eq!(
                    intent.reference.as_str(),
                    format!("purchase-{ACCOUNT}-{}", new.id)
                );
            }
            Begun::AlreadyBegun { state, checkout_url } => {
                assert_eq!((state, checkout_url), (PaymentState::Charging, None));
            }
            other @ (Begun::Page(_) | Begun::Refused(_)) => bail!("{other:?}"),
        }
    }
    assert_eq!(charges, 1);
    let others = [
        NewPurchase {
            wanted: Wanted::Credits(credits("501")?),
            ..new.clone()
        },
        NewPurchase {
            method: PurchaseMethod::Hosted,
            ..new.clone()
        },
        NewPurchase {
            service: Service::Whatsapp,
            ..new.clone()
        },
    ];
    for other in others {
        assert_eq!(
            refused(&library, &other).await?,
            Some(PurchaseRefusal::Conflicting(new.id))
        );
    }
    library.audit_is_clean().await
}

#[tokio::test]
async fn what_can_t_be_bought_like_that_is_refused_with_the_reason_and_leaves_no_trace() -> Result<()> {
    let library = library().await?;
    let good = Shop::new_purchase(PurchaseMethod::OneClick);
    let too_much = Credits::from_milli(Credits::WALLET_MAX.milli() + 1);
    for quantity in [Credits::ZERO, credits("-1")?, too_much] {
        let new = NewPurchase {
            wanted: Wanted::Credits(quantity),
            ..good.clone()
        };
        let refusal = refused(&library, &new).await?;
        assert!(
            matches!(refusal, Some(PurchaseRefusal::NoPrice(_))),
            "{quantity}: {refusal:?}"
        );
    }
    let not_agreed = NewPurchase {
        account: account_id(1002),
        ..good.clone()
    };
    let other_gateway = NewPurchase {
        gateway: "another",
        ..good.clone()
    };
    for (new, why) in [
        (&not_agreed, OneClickRefusal::NotAgreed),
        (&other_gateway, OneClickRefusal::NoCard),
    ] {
        assert_eq!(
            refused(&library, new).await?,
            Some(PurchaseRefusal::OneClick(why))
        );
    }
    let no_email = NewPurchase {
        method: PurchaseMethod::Hosted,
        ..not_agreed.clone()
    };
    assert_eq!(
        refused(&library, &no_email).await?,
        Some(PurchaseRefusal::NoEmail)
    );
    let no_wallet = NewPurchase {
        account: account_id(4711),
        ..good.clone()
    };
    let refusal = refused(&library, &no_wallet).await?;
    assert!(
        matches!(refusal, Some(PurchaseRefusal::NoWallet(_))),
        "{refusal:?}"
    );
    let rows = library.rows().await?;
    assert_eq!(rows.count("SELECT count(*) FROM purchases").await?, 0);
    assert_eq!(rows.count("SELECT count(*) FROM payments").await?, 0);
    Ok(())
}

/// 500 credits, which cost what they are listed at, to be charged for `shown`.
fn for_what_was_shown(method: PurchaseMethod, shown_minor: i64) -> Result<NewPurchase> {
    Ok(NewPurchase {
        shown: Some(Money::new(shown_minor, "ZAR".parse()?)),
        ..Shop::new_purchase(method)
    })
}

#[tokio::test]
async fn what_was_shown_at_a_price_that_is_replaced_before_it_is_charged_is_not_charged() -> Result<()> {
    let library = library().await?;
    let zar = |amount_minor| anyhow::Ok(Money::new(amount_minor, "ZAR".parse()?));
    for method in [PurchaseMethod::OneClick, PurchaseMethod::Hosted] {
        let stale = for_what_was_shown(method, PRICE_MINOR)?;
        library.list_prices_of(&[Price::of("sms", "ZAR", "80")]).await?;
        let changed = PriceChanged {
            shown: zar(PRICE_MINOR)?,
            now: zar(40_000)?,
        };
        assert_eq!(
            refused(&library, &stale).await?,
            Some(PurchaseRefusal::PriceChanged(changed))
        );
        let rows = library.rows().await?;
        assert_eq!(rows.count("SELECT count(*) FROM purchases").await?, 0);
        assert_eq!(rows.count("SELECT count(*) FROM payments").await?, 0);
        library.list_prices().await?;
    }
    // What was begun at the price that was shown is found again by it, whatever things cost by now.
    let good = for_what_was_shown(PurchaseMethod::OneClick, PRICE_MINOR)?;
    let for_amount = NewPurchase {
        id: Uuid::now_v7(),
        wanted: Wanted::Amount(PRICE_MINOR),
        ..good.clone()
    };
    for new in [&good, &for_amount] {
        assert_eq!(refused(&library, new).await?, None);
    }
    library.list_prices_of(&[Price::of("sms", "ZAR", "80")]).await?;
    for new in [&good, &for_amount] {
        let again = library.store.begin_purchase(new).await?;
        assert!(matches!(again, Begun::AlreadyBegun { .. }), "{again:?}");
    }
    // Another price, or a smaller amount, is another purchase.
    let dearer = NewPurchase {
        shown: Some(zar(40_000)?),
        ..good.clone()
    };
    let less = NewPurchase {
        wanted: Wanted::Amount(PRICE_MINOR - 1),
        shown: None,
        ..for_amount.clone()
    };
    for other in [dearer, less] {
        assert_eq!(
            refused(&library, &other).await?,
            Some(PurchaseRefusal::Conflicting(other.id))
        );
    }
    library.audit_is_clean().await
}

async fn refused(library: &Library, new: &NewPurchase) -> Result<Option<PurchaseRefusal>> {
    match library.store.begin_purchase(new).await? {
        Begun::Refused(refusal) => Ok(Some(refusal)),
        Begun::Charge(_) | Begun::Page(_) | Begun::AlreadyBegun { .. } => Ok(None),
    }
}
