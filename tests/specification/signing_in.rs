//! People sign in: by a password that they chose by a mailed link, and a code where they want one. Nobody learns who else
//! does, nobody tries for long, and what opens anything is nowhere in the database.

use anyhow::{Context as _, Result, bail, ensure};
use edge::signing_in::{PasswordSet, SecondStep, SignIn, SigningIn};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use topup_rules::passwords::PasswordRefusal;
use topup_store::{LINK_LIFE, LoginMade};
use topup_tests::{Library, Rows, account_id, main_account};
use totp_rs::{Builder, Totp};
use uuid::Uuid;

const ACCOUNT: i64 = 1001;
const EMAIL: &str = "someone@example.com";
const PASSWORD: &str = "correct horse battery";
const IDLE: Duration = Duration::from_secs(1_800);
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

struct Desk {
    library: Library,
    signing_in: SigningIn,
    login: Uuid,
}

impl Desk {
    /// Somebody with an address, and no password yet.
    async fn open() -> Result<Self> {
        let library = Library::with(&[main_account(ACCOUNT)]).await?;
        let made = library.store.make_login(account_id(ACCOUNT), EMAIL).await?;
        let LoginMade::Made(login) = made else {
            bail!("{made:?}")
        };
        Ok(Self {
            library,
            signing_in: SigningIn::with(IDLE, "Example: SMS"),
            login,
        })
    }

    /// The same, who has chosen a password.
    async fn with_password() -> Result<Self> {
        let desk = Self::open().await?;
        let chosen = desk.chooses(&desk.link().await?, PASSWORD).await?;
        ensure!(chosen == PasswordSet::Done(desk.login), "{chosen:?}");
        Ok(desk)
    }

    async fn link(&self) -> Result<SecretString> {
        let link = self.library.store.new_link(self.login, LINK_LIFE).await?;
        link.context("no link")
    }

    async fn chooses(&self, link: &SecretString, password: &str) -> Result<PasswordSet> {
        let store = &self.library.store;
        Ok(self
            .signing_in
            .set_password(store, link.expose_secret(), password)
            .await?)
    }

    async fn signs_in(&self, password: &str) -> Result<SignIn> {
        Ok(self
            .signing_in
            .sign_in(&self.library.store, EMAIL, password, HERE)
            .await?)
    }

    /// Signed in, in one step.
    async fn session(&self) -> Result<SecretString> {
        let signed_in = self.signs_in(PASSWORD).await?;
        let SignIn::Done(secret) = signed_in else {
            bail!("{signed_in:?}")
        };
        Ok(secret)
    }

    async fn is_signed_in(&self, secret: &SecretString) -> Result<bool> {
        let store = &self.library.store;
        Ok(self
            .signing_in
            .session(store, secret.expose_secret())
            .await?
            .is_some())
    }

    async fn rows(&self) -> Result<Rows> {
        Rows::connect(self.library.space.database_url()).await
    }
}

#[tokio::test]
async fn a_link_is_used_once_and_in_time_and_a_newer_one_makes_it_useless() -> Result<()> {
    let desk = Desk::open().await?;
    assert!(matches!(desk.signs_in(PASSWORD).await?, SignIn::Wrong));
    let old = desk.link().await?;
    let new = desk.link().await?;
    assert_eq!(desk.chooses(&old, PASSWORD).await?, PasswordSet::LinkOver);
    // What is not taken leaves the link as it is.
    for (password, refusal) in [
        ("too short", PasswordRefusal::TooShort),
        ("Password12345", PasswordRefusal::TooPlain),
        (EMAIL, PasswordRefusal::OfTheAddress),
    ] {
        assert_eq!(desk.chooses(&new, password).await?, PasswordSet::Refused(refusal));
    }
    assert_eq!(desk.chooses(&new, PASSWORD).await?, PasswordSet::Done(desk.login));
    assert_eq!(desk.chooses(&new, PASSWORD).await?, PasswordSet::LinkOver);

    let late = desk.link().await?;
    let rows = desk.rows().await?;
    let over = "UPDATE login_links SET expires_at = clock_timestamp()";
    rows.client().batch_execute(over).await?;
    assert_eq!(
        desk.chooses(&late, "another horse battery").await?,
        PasswordSet::LinkOver
    );
    assert!(desk.is_signed_in(&desk.session().await?).await?);
    for nonsense in ["", "x", &"x".repeat(10_000)] {
        let nonsense = SecretString::from(nonsense);
        assert_eq!(desk.chooses(&nonsense, PASSWORD).await?, PasswordSet::LinkOver);
    }
    Ok(())
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions_and_so_does_a_disabled_login() -> Result<()> {
    let desk = Desk::with_password().await?;
    let store = &desk.library.store;
    let (here, there) = (desk.session().await?, desk.session().await?);
    let change = async |present: &str, password: &str| {
        desk.signing_in
            .change_password(store, here.expose_secret(), present, password)
            .await
    };
    assert_eq!(change("not my password", PASSWORD).await?, PasswordSet::Wrong);
    let new = "another horse battery";
    assert_eq!(change(PASSWORD, new).await?, PasswordSet::Done(desk.login));
    assert!(desk.is_signed_in(&here).await?);
    assert!(!desk.is_signed_in(&there).await?);
    assert!(matches!(desk.signs_in(PASSWORD).await?, SignIn::Wrong));

    // By a link, all of them.
    desk.chooses(&desk.link().await?, PASSWORD).await?;
    assert!(!desk.is_signed_in(&here).await?);

    let session = desk.session().await?;
    let link = desk.link().await?;
    assert!(store.disable_login(desk.login).await?);
    assert!(!desk.is_signed_in(&session).await?);
    assert!(matches!(desk.signs_in(PASSWORD).await?, SignIn::Wrong));
    assert_eq!(desk.chooses(&link, PASSWORD).await?, PasswordSet::LinkOver);
    assert!(store.new_link(desk.login, LINK_LIFE).await?.is_none());
    assert!(
        store
            .request_link(desk.login, "https://x.example")
            .await?
            .is_none()
    );
    // And back.
    let again = store
        .make_login(account_id(ACCOUNT), "SOMEONE@example.com")
        .await?;
    assert_eq!(again, LoginMade::Made(desk.login));
    assert!(desk.is_signed_in(&desk.session().await?).await?);
    Ok(())
}

#[tokio::test]
async fn a_session_ends_by_itself_when_nobody_does_anything_and_after_twelve_hours() -> Result<()> {
    let desk = Desk::with_password().await?;
    let rows = desk.rows().await?;
    let session = desk.session().await?;
    let age = async |by: &str| {
        let sql = format!(
            "UPDATE sessions SET seen_at = seen_at - interval '{by}', expires_at = expires_at - interval '{by}'"
        );
        rows.client().batch_execute(&sql).await
    };
    // Somebody who does something now and then stays.
    for _ in 0..20 {
        age("29 minutes").await?;
        assert!(desk.is_signed_in(&session).await?);
    }
    age("29 minutes").await?;
    age("2 minutes").await?;
    assert!(!desk.is_signed_in(&session).await?);

    let session = desk.session().await?;
    for _ in 0..24 {
        age("29 minutes").await?;
        assert!(desk.is_signed_in(&session).await?);
    }
    age("25 minutes").await?;
    assert!(!desk.is_signed_in(&session).await?);
    assert!(desk.library.store.forget_sessions(100).await? > 0);
    Ok(())
}

#[tokio::test]
async fn whoever_tries_passwords_waits_longer_and_longer_and_a_mailed_link_helps_whom_it_is_for() -> Result<()>
{
    let desk = Desk::with_password().await?;
    let store = &desk.library.store;
    let tries = async |email: &str, from: IpAddr| {
        desk.signing_in
            .sign_in(store, email, "a wrong password", from)
            .await
    };
    for _ in 0..10 {
        assert!(matches!(tries(EMAIL, HERE).await?, SignIn::Wrong));
    }
    let SignIn::TooOften { retry_after } = tries(EMAIL, HERE).await? else {
        bail!("tried on")
    };
    assert!(retry_after <= Duration::from_secs(15 * 60), "{retry_after:?}");
    // Of the same network, another address; and from another, the same: both are over the limit.
    assert!(matches!(
        tries("other@example.com", HERE).await?,
        SignIn::TooOften { .. }
    ));
    assert!(matches!(tries(EMAIL, ELSEWHERE).await?, SignIn::TooOften { .. }));
    // Not even the right password helps then.
    let right = desk.signing_in.sign_in(store, EMAIL, PASSWORD, ELSEWHERE).await?;
    assert!(matches!(right, SignIn::TooOften { .. }), "{right:?}");
    for _ in 0..20 {
        tries(EMAIL, ELSEWHERE).await?;
    }
    let SignIn::TooOften { retry_after } = tries(EMAIL, IpAddr::from([192, 0, 2, 3])).await? else {
        bail!("tried on")
    };
    assert!(retry_after > Duration::from_secs(15 * 60), "{retry_after:?}");

    // The mailbox's owner need not wait.
    desk.chooses(&desk.link().await?, PASSWORD).await?;
    let from = IpAddr::from([198, 51, 100, 7]);
    let right = desk.signing_in.sign_in(store, EMAIL, PASSWORD, from).await?;
    assert!(matches!(right, SignIn::Done(_)), "{right:?}");

    // A window that is over begins anew, and what is long over is forgotten.
    let rows = desk.rows().await?;
    let later = "UPDATE sign_in_tries SET window_start = window_start - interval '5 hours'";
    rows.client().batch_execute(later).await?;
    assert!(matches!(tries(EMAIL, HERE).await?, SignIn::Wrong));
    rows.client()
        .batch_execute("UPDATE sign_in_tries SET window_start = window_start - interval '2 days'")
        .await?;
    assert!(store.forget_old_tries(100).await? > 0);
    assert_eq!(rows.count("SELECT count(*) FROM sign_in_tries").await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_unknown_address_is_answered_the_same_in_about_the_same_time() -> Result<()> {
    let desk = Desk::with_password().await?;
    let store = &desk.library.store;
    let took = async |email: &str, network: u8| {
        let from = IpAddr::from([203, 0, 113, network]);
        let begun = Instant::now();
        let said = desk
            .signing_in
            .sign_in(store, email, "a wrong password", from)
            .await?;
        ensure!(matches!(said, SignIn::Wrong), "{said:?}");
        Ok(begun.elapsed())
    };
    // The best of some: a busy machine makes single ones slow.
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for network in 0..8 {
        known = known.min(took(EMAIL, network).await?);
        unknown = unknown.min(took(&format!("nobody-{network}@example.com"), network).await?);
    }
    let (less, more) = (known.min(unknown), known.max(unknown));
    assert!(more < less * 2, "known {known:?}, unknown {unknown:?}");
    Ok(())
}

/// The code of a telephone that was set up by this secret.
fn code(telephone: &Totp, at_s: i64) -> Result<String> {
    Ok(telephone.generate(u64::try_from(at_s)?).to_string())
}

#[tokio::test]
async fn a_code_is_asked_for_once_it_was_confirmed_and_no_code_opens_twice() -> Result<()> {
    let desk = Desk::with_password().await?;
    let store = &desk.library.store;
    let session = desk.session().await?;
    let session = session.expose_secret();
    let setup = desk
        .signing_in
        .begin_codes(store, session)
        .await?
        .context("a setup")?;
    let secret = totp_rs::Secret::try_from_base32(setup.secret.expose_secret())?;
    let telephone = Builder::new().with_secret(secret).build()?;
    let now = store.now().await?.as_second();

    // Nothing is asked for before a code has shown that the secret arrived.
    assert!(!desk.signing_in.confirm_codes(store, session, "000000").await?);
    desk.session().await?;
    let confirmed = desk
        .signing_in
        .confirm_codes(store, session, &code(&telephone, now - 30)?)
        .await?;
    assert!(confirmed);
    assert!(desk.signing_in.begin_codes(store, session).await?.is_none());

    let signed_in = desk.signs_in(PASSWORD).await?;
    let SignIn::Second(half) = signed_in else {
        bail!("{signed_in:?}")
    };
    let half_session = desk
        .signing_in
        .session(store, half.expose_secret())
        .await?
        .context("half")?;
    assert!(!half_session.second);
    let step = async |half: &SecretString, code: &str| {
        desk.signing_in
            .second_step(store, half.expose_secret(), code)
            .await
    };
    // The one that confirmed it is used up.
    let used = step(&half, &code(&telephone, now - 30)?).await?;
    assert!(matches!(used, SecondStep::Wrong), "{used:?}");
    let stepped = step(&half, &code(&telephone, now)?).await?;
    let SecondStep::Done(whole) = stepped else {
        bail!("{stepped:?}")
    };
    let whole_session = desk
        .signing_in
        .session(store, whole.expose_secret())
        .await?
        .context("whole")?;
    assert!(whole_session.second);
    // The half one is gone, with whatever knew it.
    assert!(!desk.is_signed_in(&half).await?);
    assert_ne!(whole_session.csrf, half_session.csrf);

    let signed_in = desk.signs_in(PASSWORD).await?;
    let SignIn::Second(again) = signed_in else {
        bail!("{signed_in:?}")
    };
    let twice = step(&again, &code(&telephone, now)?).await?;
    assert!(matches!(twice, SecondStep::Wrong), "{twice:?}");
    for _ in 0..10 {
        step(&again, "123456").await?;
    }
    let many = step(&again, &code(&telephone, now + 30)?).await?;
    assert!(matches!(many, SecondStep::TooOften { .. }), "{many:?}");

    // An operator takes it away, for somebody who lost the telephone.
    assert!(store.remove_totp(desk.login).await?);
    desk.session().await?;
    Ok(())
}

#[tokio::test]
async fn what_opens_anything_is_nowhere_in_the_database() -> Result<()> {
    let desk = Desk::with_password().await?;
    let (link, session) = (desk.link().await?, desk.session().await?);
    let client = desk.rows().await?;
    for table in [
        "logins",
        "login_links",
        "sessions",
        "sign_in_tries",
        "notices",
        "outbox",
    ] {
        for secret in [link.expose_secret(), session.expose_secret(), PASSWORD] {
            let sql = format!("SELECT count(*) FROM {table} t WHERE position($1 IN t::text) > 0");
            let found: i64 = client.client().query_one(&sql, &[&secret]).await?.get(0);
            assert_eq!(found, 0, "{table}");
        }
    }
    // Tries are counted by whoever, of whom only a hash is kept.
    let named =
        "SELECT count(*) FROM sign_in_tries t WHERE t::text LIKE '%192.0.2%' OR t::text LIKE '%someone%'";
    assert_eq!(client.count(named).await?, 0);
    let over = "UPDATE login_links SET expires_at = clock_timestamp() - interval '1 s'";
    client.client().batch_execute(over).await?;
    assert_eq!(desk.library.store.forget_links(10).await?, 1);
    let none = desk
        .library
        .store
        .forget_requests(SignedDuration::from_hours(48), 10)
        .await?;
    assert_eq!(none, 0);
    Ok(())
}
