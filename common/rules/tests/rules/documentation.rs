//! The crate's page is what people read: it names every rule, and every module that it sends them to exists.

const PAGE: &str = include_str!("../../src/lib.rs");

/// How many rules each letter has.
const RULES: [(char, u32); 10] = [
    ('S', 5),
    ('T', 3),
    ('C', 12),
    ('X', 5),
    ('E', 8),
    ('L', 1),
    ('P', 5),
    ('V', 1),
    ('N', 4),
    ('A', 6),
];

#[test]
fn every_rule_has_its_place_on_the_page() {
    for (letter, count) in RULES {
        for number in 1..=count {
            let entry = format!("//! * **{letter}{number}** ");
            assert_eq!(PAGE.matches(&entry).count(), 1, "{letter}{number} has one entry");
        }
        let beyond = format!("**{letter}{}**", count + 1);
        assert!(!PAGE.contains(&beyond), "{beyond} is no rule");
    }
}
