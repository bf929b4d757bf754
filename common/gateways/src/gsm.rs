//! GSM 03.38: which characters an SMS of 160 may hold, and what may stand in for those that it may not.

/// Most septets of a message in one part.
const SEPTETS_MAX: usize = 160;

/// Most UTF-16 units of a message in one part, once a single character is outside the GSM alphabet.
const UNITS_MAX: usize = 70;

/// One septet each. Capital C with cedilla is in it, the small one is not; that is no slip.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Two septets each.
const EXTENDED: &str = "^{}\\[~]|€";

/// Characters outside the alphabet that have a stand-in which nobody minds.
const STAND_INS: &[(char, &str)] = &[
    ('\u{a0}', " "),
    ('\u{202f}', " "),
    ('‘', "'"),
    ('’', "'"),
    ('‚', "'"),
    ('`', "'"),
    ('´', "'"),
    ('“', "\""),
    ('”', "\""),
    ('„', "\""),
    ('«', "\""),
    ('»', "\""),
    ('–', "-"),
    ('—', "-"),
    ('\u{2011}', "-"),
    ('\u{2212}', "-"),
    ('…', "..."),
    ('•', "*"),
];

/// `text` with stand-ins for what typography alone put outside the alphabet. Letters are never replaced: a
/// name keeps its spelling, and costs what it costs.
pub(crate) fn to_gsm(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match STAND_INS.iter().find(|(from, _)| *from == c) {
            Some((_, to)) => written.push_str(to),
            None => written.push(c),
        }
    }
    written
}

/// How many septets `text` takes; `None` where it is not in the GSM alphabet.
pub(crate) fn septets(text: &str) -> Option<usize> {
    text.chars()
        .map(|c| {
            if BASIC.contains(c) {
                Some(1)
            } else if EXTENDED.contains(c) {
                Some(2)
            } else {
                None
            }
        })
        .sum()
}

/// Travels in one part, by whichever alphabet it needs.
pub(crate) fn fits_one_sms(text: &str) -> bool {
    match septets(text) {
        Some(septets) => septets <= SEPTETS_MAX,
        None => text.encode_utf16().count() <= UNITS_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alphabet_has_its_127_characters_and_the_extension_its_nine() {
        // 128 places, one of which is the escape to the extension.
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENDED.chars().count(), 9);
    }

    #[test]
    fn an_sms_is_counted_in_septets() {
        for (text, wanted) in [
            ("", Some(0)),
            ("Balance: 540.5", Some(14)),
            ("é", Some(1)),
            ("[€]", Some(6)),
            ("ç", None),
            ("Жук", None),
        ] {
            assert_eq!(septets(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn n4_one_part_is_160_septets_or_70_units() {
        assert!(fits_one_sms(&"x".repeat(160)));
        assert!(!fits_one_sms(&"x".repeat(161)));
        assert!(fits_one_sms(&"ж".repeat(70)));
        assert!(!fits_one_sms(&"ж".repeat(71)));
    }

    #[test]
    fn typography_is_replaced_and_names_are_not() {
        assert_eq!(to_gsm("Don’t — “wait”…"), "Don't - \"wait\"...");
        assert_eq!(to_gsm("Françoise"), "Françoise");
    }
}
