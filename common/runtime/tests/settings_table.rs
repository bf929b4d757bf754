//! The operators' page lists every setting there is, as the code knows it.

use std::fs;
use topup_runtime::Settings;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/README.md");
const BEGIN: &str = "<!-- settings -->\n";
const END: &str = "<!-- /settings -->";
/// Set to anything, it makes the test write the table instead of comparing it.
const UPDATE: &str = "UPDATE_DOCS";

fn table() -> String {
    let mut table = String::from("| variable | default | meaning |\n| --- | --- | --- |\n");
    for doc in Settings::reference() {
        let default = doc
            .default
            .map_or_else(String::new, |default| format!("`{default}`"));
        let meaning = doc.meaning.replace('|', "\\|");
        table.push_str(&format!("| `{}` | {default} | {meaning} |\n", doc.variable));
    }
    table
}

#[test]
fn the_operators_page_lists_every_setting() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page
        .split_once(BEGIN)
        .expect("the page has a place for the table");
    let (listed, after) = rest.split_once(END).expect("the place has an end");
    let wanted = table();
    if std::env::var_os(UPDATE).is_some() {
        fs::write(PAGE, format!("{before}{BEGIN}{wanted}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        listed, wanted,
        "run the tests of topup-runtime with {UPDATE}=1 to write the table anew"
    );
}
