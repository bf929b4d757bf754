//! What every request of the interface goes through, and what its resources are written with.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`caller`] | who calls, by which token, and whether it may do this to that account |
//! | [`problem`] | why not, in one shape |
//! | [`json`] | bodies, paths and queries, read and written |
//! | [`values`] | credits, money and names as the interface writes them |
//! | [`cursor`] | lists in pages |
//! | [`idempotency`] | a repeat of a POST is answered the same |
//! | [`limits`] | how often, and how many at once |
//! | [`strangers`] | how often without a token that is known |
//! | [`headers`] | what every answer bears |
//! | [`measure`] | how many requests, and how long they took |
//! | [`doc`] | the document, made of the same lines as the routes |

pub mod caller;
pub mod cursor;
pub mod doc;
pub mod headers;
pub mod idempotency;
pub mod json;
pub mod limits;
pub mod measure;
pub mod problem;
pub mod strangers;
pub mod values;

pub(crate) use caller::allowed;
pub use caller::{Bearer, account_for};
pub use cursor::{Page, Paging};
pub use idempotency::{RequestId, RequestedAt};
pub use json::{Json, Path, Query};
pub use problem::{Kind, Problem};
pub use values::{CreditsGiven, CreditsText, MethodName, MoneyView, Named, ServiceName};

use crate::Edge;
use crate::holding::Holding;
use topup_runtime::PublicDatabase;

impl Edge {
    /// The database.
    ///
    /// # Errors
    /// 503: none is named, and webhooks alone are served.
    pub fn database(&self) -> Result<&PublicDatabase, Problem> {
        self.database.as_ref().ok_or_else(no_database)
    }

    /// Where leave to send is asked for.
    ///
    /// # Errors
    /// 503: without a database there is none.
    pub(crate) fn holding(&self) -> Result<&Holding, Problem> {
        self.holding.as_ref().ok_or_else(no_database)
    }
}

fn no_database() -> Problem {
    Problem::unavailable("no database is set here: webhooks alone are served")
}
