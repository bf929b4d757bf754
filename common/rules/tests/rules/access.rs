//! Who may do what to whose account.

use topup_rules::access::{
    AccessRefusal, Act, Caller, Leave, Scope, may, may_at_once, may_bear, may_manage_accounts, may_move,
};
use topup_rules::account::{Account, AccountKind, Caps};
use topup_rules::ids::AccountId;
use topup_rules::settings::Actor;

const MAIN: i64 = 1;
const SUB: i64 = 2;

fn id(id: i64) -> AccountId {
    AccountId::new(id).unwrap()
}

fn account(number: i64) -> Account {
    Account {
        id: id(number),
        kind: if number == SUB {
            AccountKind::Sub { parent: id(MAIN) }
        } else {
            AccountKind::Main
        },
        currency: "ZAR".parse().unwrap(),
        caps: Caps::default(),
    }
}

fn leave(caller: Caller) -> Leave {
    Leave {
        caller,
        scopes: Scope::ALL.to_vec(),
    }
}

#[test]
fn e2_e6_x5_each_act_is_done_by_whom_it_belongs_to() {
    use AccessRefusal::{
        ItsMainAlone, ItselfAlone, ItselfOrMain, ItselfOrPlatform, NotByPlatform, PlatformAlone,
    };
    const YES: Option<AccessRefusal> = None;
    let no = Some;
    //   act                     the platform            the sub itself          its main
    let table = [
        (Act::See, YES, YES, YES),
        (Act::Quote, YES, YES, YES),
        (Act::BuyHosted, YES, YES, no(ItselfOrPlatform)),
        (Act::OneClick, no(ItselfAlone), YES, no(ItselfAlone)),
        (Act::SetAutoTopup, no(NotByPlatform), YES, YES),
        (Act::DisableAutoTopup, no(ItselfOrMain), YES, YES),
        (Act::SetLowCredit, YES, YES, no(ItselfOrPlatform)),
        (Act::SetContact, YES, YES, no(ItselfOrPlatform)),
        (Act::Hold, YES, YES, no(ItselfOrPlatform)),
        (Act::MoveCredits, no(ItsMainAlone), no(ItsMainAlone), YES),
        (Act::Change, YES, no(PlatformAlone), no(PlatformAlone)),
        (Act::Export, YES, YES, no(ItselfOrPlatform)),
        (Act::Remove, YES, no(PlatformAlone), no(PlatformAlone)),
    ];
    assert_eq!(table.map(|row| row.0), Act::ALL);
    let sub = account(SUB);
    for (act, by_platform, by_itself, by_main) in table {
        for (caller, actor, refusal) in [
            (Caller::Platform, Actor::Other, by_platform),
            (Caller::Account(id(SUB)), Actor::Itself, by_itself),
            (Caller::Account(id(MAIN)), Actor::ItsMain, by_main),
        ] {
            let expected = refusal.map_or(Ok(actor), Err);
            assert_eq!(may(&leave(caller), act, &sub), expected, "{act} by {caller:?}");
            // Of its main it takes the account itself to say so.
            let at_once = (actor != Actor::ItsMain).then_some(expected);
            assert_eq!(
                may_at_once(&leave(caller), act, id(SUB)),
                at_once,
                "{act} by {caller:?}"
            );
        }
    }
}

#[test]
fn a_sub_does_not_act_for_its_main_nor_anybody_for_a_stranger_and_neither_hears_of_it() {
    for (caller, account_id) in [(SUB, MAIN), (3, MAIN), (3, SUB), (MAIN, 3)] {
        for &act in Act::ALL {
            let refusal = may(&leave(Caller::Account(id(caller))), act, &account(account_id));
            assert_eq!(refusal, Err(AccessRefusal::NoAccount(id(account_id))), "{act}");
        }
    }
}

#[test]
fn a_token_does_what_its_scopes_cover_and_nothing_else() {
    for &act in Act::ALL {
        let others = Scope::ALL.iter().copied().filter(|&scope| scope != act.scope());
        let short = Leave {
            caller: Caller::Account(id(SUB)),
            scopes: others.collect(),
        };
        assert_eq!(
            may(&short, act, &account(SUB)),
            Err(AccessRefusal::NoScope(act.scope())),
            "{act}"
        );
    }
}

#[test]
fn accounts_are_managed_by_the_platform_with_leave_for_it() {
    assert_eq!(may_manage_accounts(&leave(Caller::Platform)), Ok(()));
    let other = Leave {
        caller: Caller::Platform,
        scopes: vec![Scope::Send],
    };
    assert_eq!(
        may_manage_accounts(&other),
        Err(AccessRefusal::NoScope(Scope::Accounts))
    );
    assert_eq!(
        may_manage_accounts(&leave(Caller::Account(id(MAIN)))),
        Err(AccessRefusal::PlatformAlone)
    );
}

#[test]
fn a_token_covers_nothing_that_its_holder_never_does() {
    for &scope in Scope::ALL {
        assert_eq!(may_bear(Caller::Platform, scope), Ok(()));
        let account = may_bear(Caller::Account(id(MAIN)), scope);
        assert_eq!(account.is_err(), scope == Scope::Accounts, "{scope}");
    }
}

#[test]
fn credits_are_moved_by_a_main_to_and_from_its_own_subs() {
    let (main, sub, other) = (account(MAIN), account(SUB), account(3));
    let by = |caller| leave(caller);
    assert_eq!(may_move(&by(Caller::Account(id(MAIN))), &main, &sub), Ok(()));
    for (caller, giver, taker, refusal) in [
        (Caller::Platform, &main, &sub, AccessRefusal::ItsMainAlone),
        // Not even a main in its sub's place.
        (
            Caller::Account(id(MAIN)),
            &sub,
            &main,
            AccessRefusal::ItsMainAlone,
        ),
        (
            Caller::Account(id(MAIN)),
            &main,
            &other,
            AccessRefusal::NoAccount(id(3)),
        ),
        (
            Caller::Account(id(SUB)),
            &main,
            &sub,
            AccessRefusal::NoAccount(id(MAIN)),
        ),
        (
            Caller::Account(id(3)),
            &main,
            &sub,
            AccessRefusal::NoAccount(id(MAIN)),
        ),
    ] {
        assert_eq!(may_move(&by(caller), giver, taker), Err(refusal), "{caller:?}");
    }
    let short = Leave {
        caller: Caller::Account(id(MAIN)),
        scopes: vec![Scope::Read],
    };
    assert_eq!(
        may_move(&short, &main, &sub),
        Err(AccessRefusal::NoScope(Scope::Transfer))
    );
}
