//! A form that is sent twice does once what it does: by a double click, by going back, by a browser that tries again.
//!
//! Each form that makes something bears a number of its own, made with the page. What it makes is named after who signed
//! in, that number and what the form says, so that a form that was changed on the way makes something else.

use super::form::Fields;
use super::trouble::Trouble;
use super::visitor::SignedIn;
use uuid::Uuid;

/// What a new page's form bears, in the hidden field `request`.
pub(crate) fn fresh() -> String {
    Uuid::now_v7().to_string()
}

/// The id of what this form makes; `content`: all that it says.
pub(crate) fn id(who: &SignedIn, fields: &Fields, content: &[&str]) -> Result<Uuid, Trouble> {
    named(who.session.login, fields.get("request"), content).ok_or(Trouble::Malformed)
}

fn named(login: Uuid, request: &str, content: &[&str]) -> Option<Uuid> {
    let request: Uuid = request.parse().ok()?;
    let mut name = request.as_bytes().to_vec();
    for part in content {
        name.push(0);
        name.extend_from_slice(part.as_bytes());
    }
    Some(Uuid::new_v5(&login, &name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_names_the_same_thing_each_time_it_is_sent_and_nobody_elses() {
        let (login, other, request) = (Uuid::from_u128(1), Uuid::from_u128(2), fresh());
        let name = |login, request: &str, content: &[&str]| named(login, request, content);
        let first = name(login, &request, &["sms", "100"]).expect("an id");
        assert_eq!(name(login, &request, &["sms", "100"]), Some(first));
        assert_ne!(name(other, &request, &["sms", "100"]), Some(first));
        assert_ne!(name(login, &fresh(), &["sms", "100"]), Some(first));
        assert_ne!(name(login, &request, &["sms", "10", "0"]), Some(first));
        assert_ne!(name(login, &request, &["sms100"]), Some(first));
        assert_eq!(name(login, "", &[]), None);
    }
}
