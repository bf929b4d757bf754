//! S1–S5, T1, T2: sends, and leave to send.

use super::Model;
use crate::policy::{WINDOW_AHEAD_S, WINDOW_BACK_S, price, us};
use crate::world::{Hold, HoldState, Topup, Us, service_of};
use topup_rules::account::Method;
use topup_rules::ids::WalletKey;
use topup_rules::message::SmsSent;
use topup_rules::sends::ledger_key;
use topup_rules::topup::TopupState;
use uuid::Uuid;

/// S4: the most that one event may cost, in thousandths.
const EVENT_MAX_MILLI: i64 = 1_000_000_000;
/// The version of ids that carry their time.
const WITH_TIME: usize = 7;

impl Model {
    /// One send. What became of it.
    pub(crate) fn send(&mut self, event: &SmsSent) -> &'static str {
        let credits = event.credits.milli();
        let sent_at = event.sent_at.as_microsecond();
        let has_time = event.event_id.get_version_num() == WITH_TIME;
        if credits <= 0 || credits > EVENT_MAX_MILLI {
            return "refused: credits";
        }
        if !self.is_open(sent_at) || has_time && !self.is_open(time_inside(event.event_id)) {
            return "refused: time";
        }
        let wallet = event.wallet().to_string();
        if !self.world.wallets.contains_key(&wallet) {
            return "refused: no wallet";
        }
        // S2: such an id belongs to one event; any other is one together with its time.
        let identity = (event.event_id, (!has_time).then_some(sent_at));
        if let Some(before) = self.sends.get(&identity) {
            return if before == event {
                "already"
            } else {
                "refused: conflicting"
            };
        }
        self.sends.insert(identity, event.clone());
        self.use_hold(event);
        let key = ledger_key(event.event_id, event.sent_at).uuid().to_string();
        self.post(&wallet, "send", -credits, &key);
        self.trigger(&wallet);
        "debited"
    }

    fn is_open(&self, at: Us) -> bool {
        at >= self.now - us(WINDOW_BACK_S) && at <= self.now + us(WINDOW_AHEAD_S)
    }

    /// T1, T2.
    fn trigger(&mut self, wallet: &str) {
        let Some(row) = self.world.wallets.get(wallet) else {
            return;
        };
        let Some(auto) = row.enabled().cloned() else {
            return;
        };
        if row.balance > auto.threshold || row.open.is_some() {
            return;
        }
        let of_wallet = format!("{wallet}#");
        let before = self
            .world
            .topups
            .keys()
            .filter(|name| name.starts_with(&of_wallet))
            .count();
        let name = format!("{of_wallet}{}", before + 1);
        let amount = match auto.method {
            Method::Card => Some(price(service_of(wallet), auto.quantity)),
            Method::Transfer => None,
        };
        let topup = Topup {
            wallet: wallet.to_owned(),
            method: auto.method,
            quantity: auto.quantity,
            amount,
            state: TopupState::Requested,
            requested_at: self.now,
            due_at: None,
            waits_for: None,
            woken_at: None,
            settled_at: None,
        };
        self.world.topups.insert(name.clone(), topup);
        self.with_wallet(wallet, |row| row.open = Some(name.clone()));
        self.call(&name, None);
    }

    /// S5: the batch's events use its hold up.
    fn use_hold(&mut self, event: &SmsSent) {
        let Some(batch) = event.batch_id else { return };
        let Some(hold) = self.world.holds.get_mut(&hold_key(event.wallet(), batch)) else {
            return;
        };
        if hold.state != HoldState::Open || hold.service != event.service {
            return;
        }
        let covered = event.credits.milli().min(hold.credits - hold.used).max(0);
        hold.used += covered;
        self.with_wallet(&event.wallet().to_string(), |row| row.held -= covered);
    }

    /// S5: a sender asks leave.
    pub(crate) fn ask_leave(
        &mut self,
        wallet: WalletKey,
        batch: Uuid,
        cost: i64,
        ttl_s: i64,
    ) -> &'static str {
        let Some(row) = self.world.wallets.get_mut(&wallet.to_string()) else {
            return "no wallet";
        };
        if let Some(hold) = self.world.holds.get(&hold_key(wallet, batch)) {
            return if hold.service != wallet.service || hold.credits != cost {
                "conflicting"
            } else if hold.state == HoldState::Open {
                "granted before"
            } else {
                "ended before"
            };
        }
        if row.available() - cost < 0 {
            return "refused";
        }
        row.held += cost;
        let hold = Hold {
            service: wallet.service,
            credits: cost,
            used: 0,
            state: HoldState::Open,
            expires_at: self.now + us(ttl_s),
        };
        self.world.holds.insert(hold_key(wallet, batch), hold);
        "granted"
    }

    /// S5: the sender is through with a batch.
    pub(crate) fn close_hold(&mut self, wallet: WalletKey, batch: Uuid) -> &'static str {
        match self
            .world
            .holds
            .get(&hold_key(wallet, batch))
            .map(|hold| hold.state)
        {
            None => "unknown",
            Some(HoldState::Closed | HoldState::Expired) => "ended before",
            Some(HoldState::Open) => {
                self.release(&hold_key(wallet, batch), HoldState::Closed);
                "closed"
            }
        }
    }

    /// S5: holds whose time is over. How many.
    pub(crate) fn expire_holds(&mut self) -> usize {
        let is_over = |hold: &Hold| hold.state == HoldState::Open && hold.expires_at <= self.now;
        let over: Vec<String> = self
            .world
            .holds
            .iter()
            .filter(|(_, hold)| is_over(hold))
            .map(|(key, _)| key.clone())
            .collect();
        for key in &over {
            self.release(key, HoldState::Expired);
        }
        over.len()
    }

    fn release(&mut self, key: &str, state: HoldState) {
        let Some(hold) = self.world.holds.get_mut(key) else {
            return;
        };
        hold.state = state;
        let left = hold.credits - hold.used;
        let account = key.split('/').next().unwrap_or_default();
        let wallet = format!("{account}/{}", hold.service);
        self.with_wallet(&wallet, |row| row.held -= left);
    }
}

fn hold_key(wallet: WalletKey, batch: Uuid) -> String {
    format!("{}/{batch}", wallet.account)
}

/// The milliseconds at the head of a version-7 id, as microseconds.
fn time_inside(id: Uuid) -> Us {
    let milliseconds = id.as_u128() >> 80;
    Us::try_from(milliseconds).unwrap_or(Us::MAX / 1_000) * 1_000
}
