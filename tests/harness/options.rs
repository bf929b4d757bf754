//! What a test's fleet is made of.

use std::path::PathBuf;

use topup_stack::{FleetOptions, WORKERS};

use super::prices::{Price, sample_prices};
use super::programs::AMONG_FLEETS;

/// What a test's fleet is made of.
#[derive(Debug, Clone)]
pub struct AppOptions {
    pub(super) fleet: FleetOptions,
    pub(super) prices: Vec<Price>,
    pub(super) is_alone: bool,
    pub(super) is_behind_wires: bool,
    pub(super) has_own_users: bool,
}

impl AppOptions {
    /// One of each worker, and the sample prices.
    #[must_use]
    pub fn whole() -> Self {
        let (name, value) = AMONG_FLEETS;
        Self {
            fleet: FleetOptions {
                is_migrated: true,
                env: [(name.to_owned(), value.to_owned())].into(),
                ..FleetOptions::default()
            },
            prices: sample_prices(),
            is_alone: false,
            is_behind_wires: false,
            has_own_users: false,
        }
    }

    /// These workers alone.
    #[must_use]
    pub fn only(workers: &[&str]) -> Self {
        let mut options = Self::whole();
        for worker in WORKERS {
            let count = usize::from(workers.contains(&worker));
            options.fleet.counts.insert(worker, count);
        }
        options
    }

    /// So many of a worker.
    #[must_use]
    pub fn count(mut self, worker: &'static str, count: usize) -> Self {
        self.fleet.counts.insert(worker, count);
        self
    }

    /// A setting, without its prefix: `RULES__CARD_SPACING`, `5s`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.fleet.env.insert(format!("TOPUP__{name}"), value.to_owned());
        self
    }

    /// One program goes without a setting.
    #[must_use]
    pub fn without(mut self, program: &'static str, name: &str) -> Self {
        let own = self.fleet.own_env.entry(program).or_default();
        own.insert(format!("TOPUP__{name}"), String::new());
        self
    }

    /// The least time between two card top-ups of an account, which is half an hour otherwise.
    #[must_use]
    pub fn spacing(self, spacing: &str) -> Self {
        self.setting("RULES__CARD_SPACING", spacing)
    }

    /// No other fleet runs beside it: for promises of time, which a busy machine could not keep.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.is_alone = true;
        self
    }

    /// The fleet reaches broker, database and payment gateway through [`App::wires`](super::app::App::wires); the test itself does not.
    #[must_use]
    pub fn behind_wires(mut self) -> Self {
        self.is_behind_wires = true;
        self
    }

    /// Every process, and the operator's command, has a user of the broker and a role in the database of its own, as
    /// `fleetctl grants` makes them ([`App::own_users`](super::app::App::own_users)).
    #[must_use]
    pub fn own_users(mut self) -> Self {
        self.has_own_users = true;
        self
    }

    /// Another price list; none at all is possible.
    #[must_use]
    pub fn prices(mut self, prices: Vec<Price>) -> Self {
        self.prices = prices;
        self
    }

    /// The fleet's programs are there, and not among this build's: those of another version, which may not know what
    /// can be set in this one.
    #[must_use]
    pub fn programs(mut self, programs: PathBuf) -> Self {
        self.fleet.env.remove(AMONG_FLEETS.0);
        self.fleet.programs = Some(programs);
        self
    }

    /// An argument for the sandbox, and its value.
    #[must_use]
    pub fn sandbox(mut self, argument: &str, value: &str) -> Self {
        self.fleet
            .sandbox_arguments
            .extend([argument.to_owned(), value.to_owned()]);
        self
    }
}
