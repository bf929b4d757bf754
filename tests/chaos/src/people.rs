//! The accounts under load: every kind of wallet and every kind of card there is, in fixed shares.

use topup_tests::{Account, main_account, sub_account};

/// Credits of a main account that can pay for its subs all day, and of one that soon can't.
const RICH_CREDITS: i64 = 50_000_000;
const POOR_CREDITS: i64 = 1_700;
/// Who is debited to see whether anybody works: nothing else is done to it.
pub(crate) const PROBE: i64 = 1;
/// Where the others' ids begin.
const FIRST: i64 = 1_001;
/// What an account is follows from its number, in rounds of so many.
const ROUND: i64 = 24;

/// Everybody, mains before their subs; the number of a round's last is that of its poor main.
pub(crate) fn everybody(count: i64) -> Vec<Account> {
    let mut all = vec![main_account(PROBE).credits(RICH_CREDITS)];
    all.extend((0..count).map(|number| somebody(FIRST + number, number % ROUND)));
    let mains: Vec<i64> = (0..count).filter(|number| number % ROUND < 2).collect();
    for (number, main) in mains.iter().enumerate() {
        let first = FIRST + count + 3 * i64::try_from(number).unwrap_or_default();
        all.extend((first..first + 3).map(|id| sub_account(id, FIRST + main).credits(150).transfer()));
    }
    all
}

/// Ids that are debited, the probe's left out.
pub(crate) fn debited(count: i64) -> Vec<i64> {
    let subs = 3 * (0..count).filter(|number| number % ROUND < 2).count();
    let all = count + i64::try_from(subs).unwrap_or_default();
    (FIRST..FIRST + all).collect()
}

fn somebody(id: i64, place: i64) -> Account {
    let account = main_account(id).credits(150);
    match place {
        0 => main_account(id).credits(RICH_CREDITS),
        1 => main_account(id).credits(POOR_CREDITS),
        2 => account.card("AUTH_declined"),
        3 => account.card("AUTH_insufficient").low_credit(120),
        4 => account.card("AUTH_paused"),
        5 => account.card("AUTH_expired").email(None),
        6 => account.card("AUTH_timeout"),
        7 => account.card("AUTH_5xx"),
        8 => account.card("AUTH_lost"),
        9 | 10 => account.card("AUTH_pending"),
        11..=14 => account.card("AUTH_flaky"),
        15 => account.card("AUTH_ok").topups_per_day(3),
        // Two wallets that share their account's spacing.
        16 | 17 => account.card("AUTH_ok").whatsapp().credits(150).card("AUTH_ok"),
        18 => account.low_credit(100),
        19 => account.card("AUTH_ok").mobile(None),
        _ => account.card("AUTH_ok").low_credit(200),
    }
}

/// Whether an account has a second wallet.
pub(crate) fn has_whatsapp(id: i64, count: i64) -> bool {
    let number = id - FIRST;
    (0..count).contains(&number) && [16, 17].contains(&(number % ROUND))
}

#[cfg(test)]
mod tests {
    use super::{PROBE, debited, everybody, has_whatsapp};

    #[test]
    fn everybody_who_is_debited_is_there_once() {
        let lines: Vec<_> = everybody(50).iter().map(|account| account.line()).collect();
        let ids: Vec<i64> = lines
            .iter()
            .filter_map(|line| line["account_id"].as_i64())
            .collect();
        assert_eq!(ids[0], PROBE);
        assert_eq!(ids[1..], debited(50));
        for line in lines {
            let wallets = line["wallets"].as_array().map_or(0, Vec::len);
            let id = line["account_id"].as_i64().unwrap_or_default();
            assert_eq!(wallets == 2, has_whatsapp(id, 50));
        }
    }
}
