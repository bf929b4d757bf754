//! TLS to broker, database and mail relay, by private authorities: the fleet works over it, and speaks to nobody whose
//! certificate it has no reason to trust.

use anyhow::{Result, ensure};
use topup_stack::Space;
use topup_tests::{
    App, AppOptions, Authority, Behind, Door, event, host_and_port, main_account, migrated_space, run,
};

/// The name that the certificates are for. It is this machine, as its address is, which they are not for.
const NAME: &str = "localhost";
const ADDRESS: &str = "127.0.0.1";

/// Broker and database of a space behind doors.
struct Doors {
    broker: Door,
    database: Door,
}

impl Doors {
    async fn of(authority: &Authority, space: &Space) -> Result<Self> {
        let to = (
            host_and_port(space.amqp_url())?,
            host_and_port(space.database_url())?,
        );
        Ok(Self {
            broker: Door::open(authority, NAME, Behind::Broker, &to.0).await?,
            database: Door::open(authority, NAME, Behind::Database, &to.1).await?,
        })
    }

    fn urls(&self, space: &Space, host: &str) -> Result<(String, String)> {
        let database = self.database.instead_of(space.database_url(), "postgres", host)?;
        Ok((
            self.broker.instead_of(space.amqp_url(), "amqps", host)?,
            format!("{database}?sslmode=verify-full"),
        ))
    }
}

#[tokio::test]
async fn the_fleet_works_with_broker_database_and_relay_over_tls_by_a_private_authority() -> Result<()> {
    let authority = Authority::new()?;
    let app = App::start_by(AppOptions::whole(), async |space, mut options| {
        let doors = Doors::of(&authority, space).await?;
        let (broker, database) = doors.urls(space, NAME)?;
        let ca = authority.file(&space.stack().files(), &format!("{}-ca.pem", space.vhost()))?;
        let ca = ca.display().to_string();
        for (name, value) in [
            ("AMQP__URL", &broker),
            ("AMQP__CA_FILE", &ca),
            ("DATABASE__URL", &database),
            ("DATABASE__CA_FILE", &ca),
        ] {
            options = options.setting(name, value);
        }
        Ok((options, doors))
    })
    .await?;
    let (app, _doors) = app;
    app.import(&[
        main_account(1001).credits(150).card("AUTH_ok"),
        main_account(1002).credits(150).card("AUTH_declined"),
    ])
    .await?;
    app.send(&[event(1001).credits(50), event(1002).credits(50)])
        .await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.topup_in(1002, "sms", &["failed"]).await?;
    // The relay takes no mail in the clear.
    app.outside.mail(2).await?;
    app.outside.sms(2).await?;
    app.finish().await
}

/// What the operator's command says of a broker and a database that it must not trust.
async fn refused(urls: &(String, String), ca: Option<&str>, advice: [&str; 2]) -> Result<()> {
    for ((command, setting, url), advice) in [
        (("topology apply", "AMQP", &urls.0), advice[0]),
        (("migrate", "DATABASE", &urls.1), advice[1]),
    ] {
        let (address, trusted) = (
            format!("TOPUP__{setting}__URL"),
            format!("TOPUP__{setting}__CA_FILE"),
        );
        let mut settings = vec![(address.as_str(), url.as_str())];
        settings.extend(ca.map(|ca| (trusted.as_str(), ca)));
        let words: Vec<&str> = command.split(' ').collect();
        let output = run("fleetctl", &words, &settings).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && said.contains(advice),
            "{command}: {said}"
        );
        ensure!(said.trim().lines().count() == 1, "{command}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn who_has_a_strangers_certificate_or_one_for_another_name_is_not_spoken_to() -> Result<()> {
    let (authority, stranger) = (Authority::new()?, Authority::new()?);
    let space = migrated_space().await?;
    let doors = Doors::of(&authority, &space).await?;
    let files = space.stack().files();
    let ca = authority
        .file(&files, &format!("{}-ca.pem", space.vhost()))?
        .display()
        .to_string();
    let other = stranger
        .file(&files, &format!("{}-other.pem", space.vhost()))?
        .display()
        .to_string();
    let by_name = doors.urls(&space, NAME)?;
    let file = [
        "TOPUP__AMQP__CA_FILE names the file",
        "TOPUP__DATABASE__CA_FILE names the file",
    ];
    refused(&by_name, Some(&other), file).await?;
    // The system's authorities alone know of none of them.
    refused(&by_name, None, file).await?;
    let name = ["certificate is for another name"; 2];
    refused(&doors.urls(&space, ADDRESS)?, Some(&ca), name).await?;
    space.remove().await
}

#[tokio::test]
async fn a_mail_relay_by_a_stranger_gets_no_mail_and_the_notice_says_what_to_set() -> Result<()> {
    let stranger = Authority::new()?;
    let app = App::start_by(AppOptions::whole(), async |space, options| {
        let other = stranger.file(&space.stack().files(), &format!("{}-other.pem", space.vhost()))?;
        let other = other.display().to_string();
        Ok((
            options
                .setting("SMTP__CA_FILE", &other)
                .setting("NOTIFICATIONS__ATTEMPTS_MAX", "1"),
            (),
        ))
    });
    let (app, ()) = app.await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.outside.sms(1).await?;
    let parked = app.broker.dead("notifications", 1).await?;
    let reason = parked[0].reason();
    assert!(reason.contains("TOPUP__SMTP__CA_FILE names the file"), "{reason}");
    assert!(app.outside.mail(0).await?.is_empty());
    app.finish().await
}
