//! A small look at a page's markup: what a browser would forgive, and a screen reader would stumble over.

use std::collections::BTreeSet;

/// Elements that have no end.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "hr", "img"];

/// One start tag: its name, and its attributes.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads a page, or says what of it is not well formed.
pub(super) fn read(html: &str) -> Result<Vec<Tag>, String> {
    let mut tags = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    while let Some(start) = rest.find('<') {
        if let Some(stray) = rest[..start].find('>') {
            return Err(format!("a stray > at {:?}", near(&rest[stray..])));
        }
        rest = &rest[start + 1..];
        let end = end_of(rest).ok_or_else(|| format!("no end of {:?}", near(rest)))?;
        let inner = &rest[..end];
        if let Some(name) = inner.strip_prefix('/') {
            let expected = open.pop();
            if expected.as_deref() != Some(name) {
                return Err(format!(
                    "</{name}> where {expected:?} is open, before {:?}",
                    near(&rest[end..])
                ));
            }
        } else {
            let tag = tag(inner.trim_end_matches('/'))?;
            if !VOID.contains(&tag.name.as_str()) && !inner.ends_with('/') {
                open.push(tag.name.clone());
            }
            tags.push(tag);
        }
        rest = &rest[end + 1..];
    }
    match open.as_slice() {
        [] => Ok(tags),
        open => Err(format!("never closed: {open:?}")),
    }
}

fn near(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Where a tag ends, `>` inside quotation marks not counted.
fn end_of(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.find(|it| {
        if it == '"' {
            quoted = !quoted;
        }
        it == '>' && !quoted
    })
}

fn tag(inner: &str) -> Result<Tag, String> {
    let (name, mut rest) = inner.split_once([' ', '\n']).unwrap_or((inner, ""));
    let mut attributes: Vec<(String, String)> = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let end = rest.find(['=', ' ', '\n']).unwrap_or(rest.len());
        let attribute = rest[..end].to_owned();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let quoted = after
                .strip_prefix('"')
                .ok_or_else(|| format!("{attribute} is not quoted in {inner:?}"))?;
            let close = quoted
                .find('"')
                .ok_or_else(|| format!("{attribute} does not end in {inner:?}"))?;
            value = quoted[..close].to_owned();
            rest = &quoted[close + 1..];
        }
        if attributes.iter().any(|(it, _)| *it == attribute) {
            return Err(format!("{attribute} stands twice in {inner:?}"));
        }
        attributes.push((attribute, value));
    }
    Ok(Tag {
        name: name.to_owned(),
        attributes,
    })
}

/// What a screen reader needs: one h1, labels, names, ids that are there once; and what the policy of content forbids.
pub(super) fn judge(tags: &[Tag]) -> Result<(), String> {
    let mut ids = BTreeSet::new();
    for id in tags.iter().filter_map(|tag| tag.get("id")) {
        if !ids.insert(id) {
            return Err(format!("the id {id} is there twice"));
        }
    }
    let count = |name: &str| tags.iter().filter(|tag| tag.name == name).count();
    for (name, wanted) in [("h1", 1), ("main", 1), ("title", 0), ("script", 0)] {
        let found = count(name);
        if wanted > 0 && found != wanted {
            return Err(format!("{found} of {name}"));
        }
    }
    let labelled: BTreeSet<&str> = tags
        .iter()
        .filter(|tag| tag.name == "label")
        .filter_map(|tag| tag.get("for"))
        .collect();
    for tag in tags {
        if ["input", "select", "textarea"].contains(&tag.name.as_str()) && tag.get("type") != Some("hidden") {
            let id = tag.get("id").ok_or_else(|| format!("no id: {tag:?}"))?;
            if !labelled.contains(id) {
                return Err(format!("no label for {id}"));
            }
        }
        for name in ["aria-labelledby", "aria-describedby", "for"] {
            for id in tag.get(name).unwrap_or_default().split_whitespace() {
                if !ids.contains(id) {
                    return Err(format!("{name} names {id}, which is not there"));
                }
            }
        }
        if let Some(id) = tag.get("href").and_then(|href| href.strip_prefix('#'))
            && !ids.contains(id)
        {
            return Err(format!("a link to #{id}, which is not there"));
        }
        if tag
            .attributes
            .iter()
            .any(|(name, _)| name == "style" || name.starts_with("on"))
        {
            return Err(format!("style or script inside {tag:?}"));
        }
        if tag.name == "form"
            && (tag.get("method"), tag.get("action").is_some()) != (Some("post"), true)
            && tag.get("method") != Some("get")
        {
            return Err(format!("a form that leads nowhere: {tag:?}"));
        }
    }
    Ok(())
}

#[test]
fn what_is_not_well_formed_is_found() {
    for (page, is_fine) in [
        ("<!doctype html><html><p>a</p></html>", true),
        ("<!doctype html><p>a", false),
        ("<!doctype html><p><b>a</p></b>", false),
        ("<!doctype html><p id=a>b</p>", false),
        ("<!doctype html><p a=\"1\" a=\"2\">b</p>", false),
        ("<!doctype html><p>a > b</p>", false),
        ("<p>a</p>", false),
    ] {
        assert_eq!(read(page).is_ok(), is_fine, "{page}");
    }
}
