//! The story on a fleet that runs already: in containers, or wherever its settings point.
//!
//! Nothing is started and nothing stopped. The story counts everything that the world outside has seen, so it can be
//! told once of a database and a sandbox.

use std::env;
use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::broker::Broker;
use crate::narrate::Narrator;
use crate::operator::Operator;
use crate::sandbox::{Mark, Sandbox};
use crate::setup;
use crate::stage::{Page, SHORTENED, Stage};

/// The sandbox's address.
pub(crate) const SANDBOX_URL: &str = "SANDBOX_URL";
/// The management page as a person finds it.
const MANAGEMENT_URL: &str = "MANAGEMENT_URL";
/// Below the directory for temporary files: what is imported and published.
const FILES: &str = "topup-story";

/// After the options.
pub(crate) const HELP: &str = "\
Settings are the fleet's own, TOPUP__…, with the story's shortened times; SANDBOX_URL is the sandbox's address, and
MANAGEMENT_URL the management page as a person finds it. The program fleetctl lies beside this one.";

/// Finds everything by this process's settings, and imports what the story needs.
pub(crate) async fn set_up(narrator: &mut Narrator) -> Result<Stage> {
    for (name, shortened) in SHORTENED {
        let wanted = format!("{}s", shortened.as_secs());
        let given = setting(name)?;
        ensure!(
            given == wanted,
            "{name} is {given}, and the story is one of {wanted}"
        );
    }
    let amqp_url = setting("TOPUP__AMQP__URL")?;
    topup_stack::install_crypto();
    let sandbox = Sandbox::at(setting(SANDBOX_URL)?)?;
    ensure!(
        sandbox.charges(Mark::START, 0).await?.is_empty(),
        "the sandbox has seen charges already: the story needs a fleet that has no past (docker compose down --volumes)"
    );
    setup::begin(narrator, "runs already");
    let files = env::temp_dir().join(FILES);
    let stage = Stage {
        stack: None,
        operator: Operator::Elsewhere(topup_stack::program("fleetctl")?),
        sandbox,
        broker: Broker::connect(&amqp_url).await?,
        page: Page::new(&setting(MANAGEMENT_URL)?, vhost(&amqp_url)),
        events: files.join("events"),
    };
    setup::import(narrator, &stage, &files).await?;
    Ok(stage)
}

/// A variable's value, or what stands in the file that `<variable>_FILE` names.
pub(crate) fn setting(name: &str) -> Result<String> {
    if let Ok(value) = env::var(name) {
        return Ok(value);
    }
    let file = env::var(format!("{name}_FILE")).with_context(|| format!("{name} is not set"))?;
    let value = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    Ok(value.trim().to_owned())
}

/// The virtual host that an address ends with.
fn vhost(amqp_url: &str) -> &str {
    let rest = amqp_url.split_once("://").map_or(amqp_url, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("%2f", |(_, path)| path);
    path.split('?').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::vhost;

    #[test]
    fn the_virtual_host_ends_an_address() {
        assert_eq!(vhost("amqp://u:p@rabbitmq:5672/topup?x=y"), "topup");
        assert_eq!(vhost("amqp://rabbitmq"), "%2f");
    }
}
