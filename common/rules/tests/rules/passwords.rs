//! Which passwords are taken.

use topup_rules::passwords::{PasswordRefusal, check};

#[test]
fn a_password_is_long_and_not_plain_and_nothing_else_is_asked_of_it() {
    use PasswordRefusal::{OfTheAddress, TooLong, TooPlain, TooShort};
    let long = "x y".repeat(100);
    for (password, expected) in [
        ("correct horse battery", Ok(())),
        ("alllowercaseletters", Ok(())),
        ("ünïcödé pässwörd", Ok(())),
        ("", Err(TooShort)),
        ("elevenchars", Err(TooShort)),
        (long.as_str(), Err(TooLong)),
        ("aaaaaaaaaaaaaaaa", Err(TooPlain)),
        ("abababababababab", Err(TooPlain)),
        ("123456789012", Err(TooPlain)),
        ("8417205563921", Err(TooPlain)),
        ("Password12345", Err(TooPlain)),
        ("passwordpassword", Err(TooPlain)),
        ("qwerty!!!!!123", Err(TooPlain)),
        ("someone@example.com", Err(OfTheAddress)),
        ("Someone@Example.com1", Err(OfTheAddress)),
        ("someone likes horses", Ok(())),
    ] {
        assert_eq!(check(password, "someone@example.com"), expected, "{password}");
    }
}
