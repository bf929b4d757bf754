use super::*;
use secrecy::ExposeSecret as _;
use std::collections::HashMap;
use std::io::Write as _;
use topup_rules::lines::CallClass;

fn given(variables: &[(&str, &str)]) -> HashMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn load(variables: &[(&str, &str)]) -> Result<Settings, String> {
    let reader = Reader::from_sources(&[], given(variables)).map_err(|e| e.to_string())?;
    Settings::read(reader).map_err(|e| e.to_string())
}

/// A file that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("topup-settings-{}-{name}", std::process::id()));
        std::fs::File::create(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

#[test]
fn nothing_given_means_defaults_and_a_required_setting_is_named_when_it_is_used() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.mode, Mode::Development);
    assert_eq!(settings.rules.card_spacing, SignedDuration::from_mins(30));
    assert_eq!(settings.rules.failures_to_disable, 1);
    assert_eq!(settings.paystack.timeout, Duration::from_secs(30));
    assert_eq!(settings.shutdown.grace, Duration::from_secs(30));
    assert_eq!(
        settings.amqp.address().unwrap_err().to_string(),
        "TOPUP__AMQP__URL is not set"
    );
    assert_eq!(
        settings.database.url().unwrap_err().to_string(),
        "TOPUP__DATABASE__URL is not set"
    );
    let key = settings.paystack.secret_key().unwrap_err();
    assert_eq!(key.to_string(), "TOPUP__PAYSTACK__SECRET_KEY is not set");
}

#[test]
fn the_environment_sets_what_it_names() {
    let settings = load(&[
        ("TOPUP__AMQP__URL", "amqp://u:p@h1,h2/v"),
        ("TOPUP__RULES__CARD_SPACING", "20s"),
        ("TOPUP__RULES__TIME_ZONE", "Africa/Nairobi"),
        ("TOPUP__NOTIFICATIONS__RETRY_FIRST", "1500ms"),
        ("TOPUP__HTTP__LISTEN", "127.0.0.1:0"),
        ("TOPUP_CONFIG", ""),
        ("TOPUP_STACK", "containers"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    assert_eq!(
        settings.amqp.address().unwrap().to_string(),
        "amqp://u@h1:5672,h2:5672/v"
    );
    assert_eq!(settings.rules.card_spacing, SignedDuration::from_secs(20));
    assert_eq!(settings.rules.time_zone.iana_name(), Some("Africa/Nairobi"));
    assert_eq!(settings.notifications.retry.first_s, 2);
}

#[test]
fn a_wrong_setting_is_one_line_that_names_it() {
    for (name, value, line) in [
        (
            "TOPUP__AMQP__URLL",
            "x",
            "TOPUP__AMQP__URLL is no setting; did you mean TOPUP__AMQP__URL?",
        ),
        (
            "TOPUP__RULES__CARD_SPACIN",
            "1s",
            "TOPUP__RULES__CARD_SPACIN is no setting; did you mean TOPUP__RULES__CARD_SPACING?",
        ),
        (
            "TOPUP_AMQP__URL",
            "x",
            "TOPUP_AMQP__URL is no setting; did you mean TOPUP__AMQP__URL?",
        ),
        (
            "TOPUP__NOTHING__LIKE_IT",
            "x",
            "TOPUP__NOTHING__LIKE_IT is no setting",
        ),
        (
            "TOPUP__RULES__CARD_SPACING",
            "30x",
            "TOPUP__RULES__CARD_SPACING: \"30x\" is no duration; write 30m, 20s or 500ms",
        ),
        (
            "TOPUP__MODE",
            "prod",
            "TOPUP__MODE: \"prod\" is neither production nor development",
        ),
        (
            "TOPUP__SMS_SENT__PREFETCH",
            "70000",
            "TOPUP__SMS_SENT__PREFETCH: \"70000\" is no whole number from 1 to 65535",
        ),
        (
            "TOPUP__SMS_SENT__BATCH_MAX",
            "0",
            "TOPUP__SMS_SENT__BATCH_MAX: 0 is too small; it has to be 1 at least",
        ),
        (
            "TOPUP__HTTP__LISTEN",
            "localhost",
            "TOPUP__HTTP__LISTEN: \"localhost\" is no IP address with a port, like 127.0.0.1:9100",
        ),
        (
            "TOPUP__PAYSTACK__CHARGES_PER_MINUTE",
            "-1",
            "TOPUP__PAYSTACK__CHARGES_PER_MINUTE: \"-1\" is no whole number from 0 to 4294967295",
        ),
        (
            "TOPUP__EDGE__PROXIES",
            "10.0.0.1, 10.0.0.0/8",
            "TOPUP__EDGE__PROXIES: \"10.0.0.0/8\" is no IP address, like 192.0.2.1",
        ),
        (
            "TOPUP__AMQP__URL",
            "amqp://u:secret@",
            "TOPUP__AMQP__URL: names no host",
        ),
        (
            "TOPUP__AMQP__URL",
            "amqp://u:sec/ret@h/v",
            "TOPUP__AMQP__URL: has a / before its @; in a password it is written %2F",
        ),
        (
            "TOPUP__DATABASE__URL",
            "postgress://u:secret@h/d?sslmode=require",
            "TOPUP__DATABASE__URL: begins with neither postgres:// nor postgresql://",
        ),
        (
            "TOPUP__AMQP__DECLARE",
            "yes",
            "TOPUP__AMQP__DECLARE: \"yes\" is neither true nor false",
        ),
        (
            "TOPUP__RULES__TIME_ZONE",
            "Mars",
            "TOPUP__RULES__TIME_ZONE: \"Mars\" is no time zone, like Africa/Nairobi or UTC",
        ),
        (
            "TOPUP__AMQP__CA_FILE",
            "/no/ca.pem",
            "TOPUP__AMQP__CA_FILE: /no/ca.pem: No such file or directory (os error 2)",
        ),
        ("TOPUP__SMTP__FROM", " ", "TOPUP__SMTP__FROM: is empty"),
        ("TOPUP__SMTP__URL", "", "TOPUP__SMTP__URL: is empty"),
    ] {
        assert_eq!(load(&[(name, value)]).unwrap_err(), line);
    }
}

#[test]
fn a_secret_comes_from_a_file_of_its_own_and_is_never_printed() {
    let file = Scratch::new("secret", "sk_test_abc\n");
    let settings = load(&[("TOPUP__PAYSTACK__SECRET_KEY_FILE", file.path())]).unwrap();
    assert_eq!(
        settings.paystack.secret_key().unwrap().expose_secret(),
        "sk_test_abc"
    );
    assert!(!format!("{settings:?}").contains("sk_test_abc"));

    let both = [
        ("TOPUP__SMS__API_KEY", "a"),
        ("TOPUP__SMS__API_KEY_FILE", file.path()),
    ];
    assert_eq!(
        load(&both).unwrap_err(),
        "TOPUP__SMS__API_KEY and TOPUP__SMS__API_KEY_FILE are both given; one must go"
    );
    let nowhere = load(&[("TOPUP__SMS__API_KEY_FILE", "/nowhere/at/all")]).unwrap_err();
    assert_eq!(
        nowhere,
        "TOPUP__SMS__API_KEY_FILE: /nowhere/at/all: No such file or directory (os error 2)"
    );
    let no_secret = load(&[("TOPUP__HTTP__LISTEN_FILE", "x")]).unwrap_err();
    assert!(
        no_secret.starts_with("TOPUP__HTTP__LISTEN_FILE is no setting"),
        "{no_secret}"
    );
}

#[test]
fn a_later_file_wins_over_an_earlier_one_and_the_environment_over_both() {
    let first = Scratch::new(
        "first.toml",
        "[rules]\ncard_spacing = \"1m\"\nfailures_to_disable = 2\nwindow_ahead = \"2h\"\n",
    );
    let second = Scratch::new(
        "second.toml",
        "[rules]\ncard_spacing = \"2m\"\nfailures_to_disable = 3\n",
    );
    let files = [first.0.clone(), second.0.clone()];
    let reader = Reader::from_sources(&files, given(&[("TOPUP__RULES__FAILURES_TO_DISABLE", "4")])).unwrap();
    let rules = Settings::read(reader).unwrap().rules;
    assert_eq!(rules.window_ahead, SignedDuration::from_hours(2));
    assert_eq!(rules.card_spacing, SignedDuration::from_mins(2));
    assert_eq!(rules.failures_to_disable, 4);
}

#[test]
fn a_mistake_in_a_file_is_one_line_that_names_file_and_key() {
    for (text, wrong) in [
        (
            "[amqp]\nurll = \"x\"\n",
            "amqp.urll is no setting; did you mean TOPUP__AMQP__URL?",
        ),
        (
            "[rules]\ncard_spacing = 30\n",
            "rules.card_spacing: \"30\" is no duration; write 30m, 20s or 500ms",
        ),
        (
            "[rules]\ncard_spacing = [1]\n",
            "rules.card_spacing: is neither text nor a number",
        ),
    ] {
        let file = Scratch::new("wrong.toml", text);
        let read =
            Reader::from_sources(std::slice::from_ref(&file.0), HashMap::new()).and_then(Settings::read);
        assert_eq!(read.unwrap_err().to_string(), format!("{}: {wrong}", file.path()));
    }
    let broken = Scratch::new("broken.toml", "[rules\n");
    let line = Reader::from_sources(std::slice::from_ref(&broken.0), HashMap::new())
        .unwrap_err()
        .to_string();
    assert!(line.starts_with(broken.path()) && !line.contains('\n'), "{line}");
}

#[test]
fn production_refuses_fakes_and_what_would_go_without_tls() {
    let production = |name, value| load(&[("TOPUP__MODE", "production"), (name, value)]).map(|_| ());
    let sandbox = "a sandbox (without TLS, or on this machine)";
    let broker = "a connection without TLS (write amqps://)";
    let database = "a connection that may go without TLS (add ?sslmode=verify-full)";
    let relay = "a mail relay without TLS (write smtps://, or add ?tls=required)";
    for (name, value, why) in [
        ("TOPUP__PAYSTACK__URL", "http://127.0.0.1:9000", sandbox),
        ("TOPUP__PAYSTACK__URL", "https://localhost", sandbox),
        ("TOPUP__PAYSTACK__SECRET_KEY", "sk_test_1", "a test key"),
        ("TOPUP__AMQP__URL", "amqps://guest:guest@h", "the user guest"),
        ("TOPUP__AMQP__URL", "amqps://h", "the user guest"),
        ("TOPUP__AMQP__URL", "amqp://u:p@h", broker),
        (
            "TOPUP__AMQP__MANAGEMENT_URL",
            "http://u:p@h:15672",
            "a password without TLS (write https://)",
        ),
        ("TOPUP__DATABASE__URL", "postgres://u:p@h/d", database),
        (
            "TOPUP__DATABASE__URL",
            "postgres://u:p@h/d?sslmode=prefer",
            database,
        ),
        (
            "TOPUP__DATABASE__URL",
            "postgres://u:p@h/d?sslmode=require&sslmode=disable",
            database,
        ),
        ("TOPUP__SMS__URL", "http://sms.example", sandbox),
        ("TOPUP__SMTP__URL", "smtp://u:p@h", relay),
        ("TOPUP__SMTP__URL", "smtp://h?tls=opportunistic", relay),
        (
            "TOPUP__TRACES__URL",
            "http://collector:4318",
            "a collector on another machine without TLS (write https://)",
        ),
    ] {
        let line = format!("{name}: {why} is refused in production");
        assert_eq!(production(name, value).unwrap_err(), line);
        // Development takes what production does not.
        assert_eq!(load(&[(name, value)]).map(|_| ()), Ok(()));
    }
    for (name, value) in [
        ("TOPUP__AMQP__URL", "amqps://u:p@h"),
        ("TOPUP__AMQP__MANAGEMENT_URL", "https://u:p@h:15671"),
        ("TOPUP__DATABASE__URL", "postgres://u:p@h/d?sslmode=verify-full"),
        ("TOPUP__DATABASE__URL", "postgres://u:p@h/d?sslmode=require"),
        ("TOPUP__PAYSTACK__SECRET_KEY", "sk_live_1"),
        ("TOPUP__SMS__URL", "https://sms.example"),
        ("TOPUP__SMTP__URL", "smtp://u:p@h?tls=required"),
        ("TOPUP__SMTP__URL", "smtps://u:p@h"),
        ("TOPUP__TRACES__URL", "https://collector:4318"),
        ("TOPUP__TRACES__URL", "http://127.0.0.1:4318"),
    ] {
        assert_eq!(production(name, value), Ok(()), "{name}");
    }
}

#[test]
fn the_reference_names_every_setting_once_with_a_meaning() {
    let reference = Settings::reference();
    let mut names: Vec<&str> = reference.iter().map(|doc| doc.variable.as_str()).collect();
    names.sort_unstable();
    let total = names.len();
    names.dedup();
    assert_eq!(names.len(), total);
    assert!(reference.iter().all(|doc| !doc.meaning.is_empty()));
    for fixed in [
        "TOPUP__MODE",
        "TOPUP__AMQP__URL",
        "TOPUP__DATABASE__URL",
        "TOPUP__PAYSTACK__URL",
        "TOPUP__PAYSTACK__SECRET_KEY",
        "TOPUP__PAYSTACK__TIMEOUT",
        "TOPUP__SMS__URL",
        "TOPUP__SMS__API_KEY",
        "TOPUP__SMTP__URL",
        "TOPUP__SMTP__FROM",
        "TOPUP__RULES__CARD_SPACING",
        "TOPUP__HTTP__LISTEN",
        "TOPUP__EDGE__LISTEN",
        "TOPUP__SWEEPER__ROWS_MAX",
        "TOPUP__EDGE__WEBHOOK_SENDERS",
        "TOPUP__INQUIRIES__FIRST",
        "TOPUP__PAYSTACK__CHARGES_PER_MINUTE",
    ] {
        assert!(names.contains(&fixed), "{fixed}");
    }
}

#[test]
fn the_rules_get_their_policies_from_settings() {
    let settings = Settings::of(&[
        ("TOPUP__INQUIRIES__FIRST", "1500ms"),
        ("TOPUP__PAYSTACK__VERIFIES_PER_MINUTE", "0"),
        ("TOPUP__PAYSTACK__BREAKER_TROUBLES", "3"),
    ]);
    let inquiries = settings.inquiry_policy();
    assert_eq!((inquiries.first_s, inquiries.max_s), (2, 3_600));
    assert_eq!(inquiries.not_known_max, 3);
    assert_eq!(inquiries.unknown_max, SignedDuration::from_hours(24));
    let per_minute = |class| settings.line_policy(class).per_minute;
    assert_eq!(per_minute(CallClass::Charge), Some(1_200));
    assert_eq!(per_minute(CallClass::Verify), None);
    assert_eq!(per_minute(CallClass::Other), Some(600));
    let line = settings.line_policy(CallClass::Charge);
    assert_eq!(
        (line.troubles_to_close, line.pause_first_s, line.pause_max_s),
        (3, 5, 60)
    );
}
