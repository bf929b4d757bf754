//! Lists in pages: a cursor is where the page before ended, and says nothing to anybody but us.

use super::problem::{Kind, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Items of a page where nothing else is asked for.
const LIMIT_DEFAULT: u16 = 50;
/// Items of a page, at most.
const LIMIT_MAX: u16 = 200;

/// Which page of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Behind this one: `next` of the page before.
    #[param(nullable = false)]
    pub after: Option<String>,
    /// Items at most.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u16>,
}

impl Paging {
    /// Where the page before ended; none: from the beginning.
    ///
    /// # Errors
    /// 400: no cursor of this list.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, Problem> {
        let read = |text: &String| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        match &self.after {
            None => Ok(None),
            Some(text) => match read(text) {
                Some(key) => Ok(Some(key)),
                None => Err(Problem::new(Kind::Malformed, "`after` is no cursor of this list")),
            },
        }
    }

    /// Items at most.
    ///
    /// # Errors
    /// 400: none at all, or too many.
    pub fn limit(&self) -> Result<u16, Problem> {
        match self.limit.unwrap_or(LIMIT_DEFAULT) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            _ => Err(Problem::new(
                Kind::Malformed,
                format!("`limit` must be 1 to {LIMIT_MAX}"),
            )),
        }
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// What to ask for the next page with; none at the list's end.
    #[schema(required = true)]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Of items whose list goes on behind this key, if there is one.
    pub fn until<K: Serialize>(items: Vec<T>, next: Option<&K>) -> Self {
        Self {
            items,
            next: next.map(cursor),
        }
    }

    /// Of rows, of which one more was asked for than belongs on it, so that it is known whether it is the last.
    pub fn of<R, K: Serialize>(
        mut rows: Vec<R>,
        limit: u16,
        key: impl Fn(&R) -> K,
        item: impl Fn(R) -> T,
    ) -> Self {
        let limit = usize::from(limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| more).map(|row| cursor(&key(row)));
        Self {
            next: last,
            items: rows.into_iter().map(item).collect(),
        }
    }
}

/// The cursor of a key.
fn cursor<K: Serialize>(key: &K) -> String {
    // Keys are ids and moments: nothing that could not be written.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(after: Option<&str>) -> Paging {
        Paging {
            after: after.map(ToOwned::to_owned),
            limit: None,
        }
    }

    #[test]
    fn a_page_says_where_the_next_one_begins_and_the_last_says_none() {
        let of = |rows: &[i64]| Page::of(rows.to_vec(), 2, |row| *row, |row| row);
        let first = of(&[3, 5, 7]);
        assert_eq!(first.items, [3, 5]);
        let next = paging(first.next.as_deref());
        assert_eq!(next.after::<i64>().unwrap(), Some(5));
        assert_eq!(of(&[7]).next, None);
        assert_eq!(of(&[7, 9]).next, None);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        assert!(paging(Some("?")).after::<i64>().is_err());
        assert!(paging(Some("eA")).after::<i64>().is_err());
        assert_eq!(paging(None).after::<i64>().unwrap(), None);
        let limit = |limit| Paging { limit, after: None }.limit();
        assert_eq!(limit(None).unwrap(), LIMIT_DEFAULT);
        assert!(limit(Some(0)).is_err());
        assert!(limit(Some(201)).is_err());
    }
}
