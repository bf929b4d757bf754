//! A payment, and the closed lists of what it can be.

use jiff::Timestamp;
use serde_json::Value;

/// A currency the gateway knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// South African rand.
    Zar,
    /// Kenyan shilling.
    Kes,
    /// Nigerian naira.
    Ngn,
    /// Ghanaian cedi.
    Ghs,
    /// United States dollar.
    Usd,
}

impl Currency {
    /// The currency of an ISO 4217 code.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Zar, Self::Kes, Self::Ngn, Self::Ghs, Self::Usd]
            .into_iter()
            .find(|it| it.code() == code)
    }

    /// ISO 4217.
    pub fn code(self) -> &'static str {
        match self {
            Self::Zar => "ZAR",
            Self::Kes => "KES",
            Self::Ngn => "NGN",
            Self::Ghs => "GHS",
            Self::Usd => "USD",
        }
    }

    /// The smallest amount that is charged, in minor units.
    pub fn minimum_minor(self) -> u64 {
        match self {
            Self::Zar => 100,
            Self::Kes => 300,
            Self::Ngn => 5_000,
            Self::Ghs => 10,
            Self::Usd => 200,
        }
    }

    /// What customers can pay with from their phone; nothing: not at all.
    pub fn phone_wallets(self) -> &'static [PhoneWallet] {
        match self {
            Self::Kes => &[PhoneWallet::Mpesa, PhoneWallet::AirtelMoney],
            Self::Ghs => &[PhoneWallet::Mtn, PhoneWallet::Telecel, PhoneWallet::AirtelTigo],
            Self::Zar | Self::Ngn | Self::Usd => &[],
        }
    }
}

/// Where a payment stands, in the gateway's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// On the hosted page, not paid.
    Abandoned,
    /// The customer has to do something.
    Ongoing,
    /// Under way; the result follows.
    Pending,
    /// Paid.
    Success,
    /// Not paid, and never will be.
    Failed,
    /// Paid, and wholly given back.
    Reversed,
}

impl Status {
    /// As it stands in an answer.
    pub fn word(self) -> &'static str {
        match self {
            Self::Abandoned => "abandoned",
            Self::Ongoing => "ongoing",
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Reversed => "reversed",
        }
    }
}

/// How a payment is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// By card.
    Card,
    /// From the customer's phone: M-Pesa, Airtel Money and their like.
    MobileMoney,
}

impl Channel {
    /// As it stands in a request or an answer.
    pub fn word(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::MobileMoney => "mobile_money",
        }
    }
}

/// Whose account on the customer's phone pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneWallet {
    /// Kenya's M-Pesa.
    Mpesa,
    /// Kenya's Airtel Money.
    AirtelMoney,
    /// Ghana's MTN.
    Mtn,
    /// Ghana's Telecel.
    Telecel,
    /// Ghana's AirtelTigo.
    AirtelTigo,
}

impl PhoneWallet {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mpesa => "M-Pesa",
            Self::AirtelMoney => "Airtel Money",
            Self::Mtn => "MTN",
            Self::Telecel => "Telecel",
            Self::AirtelTigo => "AirtelTigo",
        }
    }

    /// As it stands in a form: `mpesa`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mpesa => "mpesa",
            Self::AirtelMoney => "airtel",
            Self::Mtn => "mtn",
            Self::Telecel => "telecel",
            Self::AirtelTigo => "airteltigo",
        }
    }
}

/// What a payment is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaidWith {
    /// A card.
    Card {
        /// Its last four digits.
        last4: &'static str,
    },
    /// A phone.
    Phone(PhoneWallet),
}

impl PaidWith {
    /// The card of which nothing else is known.
    pub const USUAL_CARD: Self = Self::Card { last4: "4081" };

    /// Card or phone.
    pub fn channel(self) -> Channel {
        match self {
            Self::Card { .. } => Channel::Card,
            Self::Phone(_) => Channel::MobileMoney,
        }
    }
}

/// What was asked for, by charge or by hosted page.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The caller's key for the payment.
    pub reference: String,
    /// The customer's address.
    pub email: String,
    /// In minor units.
    pub amount_minor: u64,
    /// Of the amount.
    pub currency: Currency,
    /// The caller's own data, given back as it came.
    pub metadata: Option<Value>,
}

/// A payment.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The gateway's number for it.
    pub id: u64,
    /// What was asked for.
    pub asked: Asked,
    /// The card, once there is one. Of a phone payment, a code that cannot be charged again.
    pub authorization_code: Option<String>,
    /// What it was, or is being, paid with.
    pub paid_with: PaidWith,
    /// Where it stands.
    pub status: Status,
    /// The gateway's words on it.
    pub gateway_response: &'static str,
    /// Amount charged and amount requested, in minor units. They differ where the customer bears the fee.
    pub amount_minor: u64,
    /// See `amount_minor`.
    pub requested_minor: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was captured.
    pub paid_at: Option<Timestamp>,
    /// Given back so far, in minor units.
    pub reversed_minor: u64,
    /// Of its hosted page, where it has one.
    pub page: Option<Page>,
}

impl Transaction {
    /// How it was, or is being, paid.
    pub fn channel(&self) -> Channel {
        self.paid_with.channel()
    }

    /// Whether the card can be kept and charged again.
    pub fn reusable(&self) -> bool {
        self.channel() == Channel::Card && self.authorization_code.is_some()
    }
}

/// A payment's hosted page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The page's key, part of its address.
    pub access_code: String,
    /// Where the customer goes afterwards.
    pub callback_url: Option<String>,
    /// How the customer may pay.
    pub channels: Vec<Channel>,
}
