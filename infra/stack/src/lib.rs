//! A private broker and database, and the fleet on top of them: for tests, demo, load and development.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use topup_stack::{Fleet, FleetOptions, Options, Stack, build_workspace};
//!
//! build_workspace()?;
//! let stack = Stack::start(Options { name: "example".into(), ..Options::default() }).await?;
//! let space = stack.space("first").await?;
//! let mut fleet = Fleet::start(&space, FleetOptions::default()).await?;
//! fleet.worker("sms-sent")?.kill9()?;
//! fleet.add("sms-sent").await?;
//! fleet.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! * A [`Stack`] is RabbitMQ (with management, prometheus and the shovels) and PostgreSQL, on free ports of
//!   127.0.0.1, with data in `target/stack`. `TOPUP_STACK` says where they come from: `native` (the default:
//!   the machine's packages, installed when missing), `containers`, or `external` (given by
//!   `TOPUP_STACK_AMQP_URL`, `TOPUP_STACK_DATABASE_URL` and `TOPUP_STACK_MANAGEMENT_URL`).
//! * The servers of a native stack can be [acted on](Stack::act): killed, stopped, started, halted, wiped; and its
//!   broker can be a cluster of three nodes ([`Options::nodes`]).
//! * A [`Space`] of it is one user's own database and virtual host.
//! * A [`Fleet`] on a space is the sandbox and every worker, each a [`Process`].
//! * [`browser_programs`] is for whoever looks at pages as people do, [`python_tools`] for whoever tries the edge from outside.
//! * [`up`] and [`down`] are all of that, left running.
//!
//! Nothing outlives its user. A keeper process owns the servers and stops them when its standard input
//! ends, which the system sees to even where the user was killed; and nothing of the system's is touched
//! but its programs.
//!
//! Left out: TLS (all is on loopback), acts on containers (their ports change when they are started again), and keeping
//! data from one stack to the next.

mod acts;
mod addresses;
mod browser;
mod containers;
mod database;
mod fleet;
mod home;
mod http;
mod keeper;
mod line;
mod management;
mod native;
mod place;
mod process;
mod python;
mod space;
mod stack;
mod up;

pub use acts::{Act, Server};
pub use addresses::Addresses;
pub use browser::{BrowserPrograms, browser_programs};
pub use fleet::{Fleet, FleetOptions, WORKERS};
pub use http::{install_crypto, plain_client};
pub use keeper::{Durability, Mode, keep};
pub use management::Management;
pub use place::{bin_dir, build_workspace, program, stack_dir, workspace};
pub use process::Process;
pub use python::{PythonTools, python_tools};
pub use rustix::process::Signal;
pub use space::Space;
pub use stack::{Options, Stack, Versions};
pub use up::{down, env_file, hold, up};
