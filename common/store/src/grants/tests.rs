use super::rights::tables;
use super::*;
use std::collections::BTreeMap;

fn may(role: Role, privilege: Privilege, table: &str) -> bool {
    tables(role)
        .iter()
        .filter(|(name, _)| *name == table)
        .flat_map(|(_, rights)| *rights)
        .any(|right| right.privilege == privilege)
}

#[test]
fn nobody_changes_or_deletes_what_is_to_stay() {
    for role in Role::ALL {
        for table in [
            "ledger",
            "topup_steps",
            "payment_calls",
            "carried_forward",
            "operator_acts",
            "operator_acts_messages",
            "refinery_schema_history",
        ] {
            for privilege in [Privilege::Update, Privilege::Delete] {
                assert!(!may(role, privilege, table), "{role:?} {privilege:?} {table}");
            }
        }
        for table in [
            "accounts",
            "wallets",
            "topups",
            "payments",
            "purchases",
            "consents",
            "reversals",
            "cards",
            "access_tokens",
            "card_registrations",
            "one_click_consents",
        ] {
            assert!(
                !may(role, Privilege::Delete, table),
                "{role:?} deletes from {table}"
            );
        }
    }
}

#[test]
fn no_table_stands_twice_in_a_role_and_the_trigger_finds_what_it_writes_to() {
    for role in Role::ALL {
        let mut names: Vec<&str> = tables(role).iter().map(|(table, _)| *table).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{role:?}");
        let writes_topups = may(role, Privilege::Insert, "topups") || may(role, Privilege::Update, "topups");
        assert_eq!(
            may(role, Privilege::Insert, "topup_steps"),
            writes_topups,
            "{role:?}"
        );
    }
}

#[test]
fn passwords_leave_as_verifiers_and_names_are_quoted() {
    let passwords = BTreeMap::from([(Role::SmsSent, "hard to guess".to_owned())]);
    let sql = Store::grants("o'd\"d_", &[GrantsPart::Roles, GrantsPart::Rights], &passwords);
    assert!(!sql.contains("hard to guess"));
    assert_eq!(sql.matches(" PASSWORD 'SCRAM-SHA-256$4096:").count(), 1);
    assert!(sql.contains("rolname = 'o''d\"d_sms_sent'"));
    assert!(sql.contains("GRANT SELECT, INSERT ON ledger TO \"o'd\"\"d_sms_sent\";"));
    let rights = Store::grants(ROLE_PREFIX, &[GrantsPart::Rights], &passwords);
    assert!(!rights.contains("CREATE ROLE") && !rights.contains("PASSWORD"));
}

#[test]
fn a_role_is_known_by_its_name_whatever_its_prefix() {
    for role in Role::ALL {
        assert_eq!(Role::of_name(&role.name(ROLE_PREFIX)), Some(role));
        assert_eq!(Role::of_name(&role.name("staging_7_")), Some(role));
    }
    assert_eq!(Role::of_name("postgres"), None);
}
