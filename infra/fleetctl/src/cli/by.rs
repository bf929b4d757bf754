//! The command line of who does something by hand.

use clap::Args;
use topup_runtime::broker::host_name;

/// Who does something by hand.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct By {
    /// Who: it is kept with what was done; the login name unless given
    #[arg(
        long,
        value_name = "NAME",
        env = "USER",
        default_value = "unknown",
        hide_env_values = true
    )]
    by: String,
}

impl By {
    /// As it was given.
    pub(crate) fn name(&self) -> &str {
        &self.by
    }

    /// `user@host`.
    pub(crate) fn who(&self) -> String {
        format!("{}@{}", self.by, host_name())
    }
}
