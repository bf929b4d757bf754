//! On to the payment gateway's page, and pages that look again by themselves while something is under way.
//!
//! Browsers hold the answer to a form to the policy of content, too: one that is led on to another site at once is
//! stopped. So there is a page between, which leads on by itself.

use super::trouble::Trouble;
use super::visitor::SignedIn;
use super::zone::Zone;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// Between two looks, in seconds, at first.
const LOOK_MIN_S: i64 = 3;
/// The longest pause between two looks, in seconds: somebody left the page open.
const LOOK_MAX_S: i64 = 60;
/// Of the time that it has taken so far, the pause is this part.
const LOOK_PART: i64 = 10;

/// A page that leads on.
#[derive(Debug, Serialize)]
pub(super) struct OnwardView {
    pub(super) url: String,
}

impl Zone {
    /// On to the gateway's page. `here`: a page of ours that may be looked at instead.
    pub(crate) fn to_payment(&self, who: &SignedIn, here: &str, url: String) -> Result<Response, Trouble> {
        let frame = self.inside(who, here).with_refresh(format!("0; url={url}"));
        self.page("onward.html", &frame, &OnwardView { url })
    }
}

/// The page is looked at again in a few seconds, without a script; less and less often the longer it has been so. By a
/// header: checks for people who need time to read look for it in the page, where nothing is read here but a state.
pub(crate) fn looks_again(mut response: Response, since: Timestamp, now: Timestamp) -> Response {
    let pause_s = pause_s(now.duration_since(since));
    if let Ok(value) = HeaderValue::from_str(&pause_s.to_string()) {
        response.headers_mut().insert(header::REFRESH, value);
    }
    response
}

fn pause_s(taken: SignedDuration) -> i64 {
    (taken.as_secs() / LOOK_PART).clamp(LOOK_MIN_S, LOOK_MAX_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_looks_again_soon_at_first_and_seldom_after_that() {
        for (taken_s, pause) in [(-5, 3), (0, 3), (40, 4), (100, 10), (100_000, 60)] {
            assert_eq!(pause_s(SignedDuration::from_secs(taken_s)), pause, "{taken_s}");
        }
    }
}
