//! How far an order has come, and what is to become of it.

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderStatus {
    Placed,
    Paid,
    Packed,
    Shipped,
    Rejected,
    Lost,
    Cancelled,
}

impl OrderStatus {
    pub(super) const ALL: [Self; 7] = [
        Self::Placed,
        Self::Paid,
        Self::Packed,
        Self::Shipped,
        Self::Rejected,
        Self::Lost,
        Self::Cancelled,
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Paid => "paid",
            Self::Packed => "packed",
            Self::Shipped => "shipped",
            Self::Rejected => "rejected",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether the order still holds goods of the stock, and can be cancelled.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Placed | Self::Paid | Self::Packed)
    }
}

/// What is to become of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderOutcome {
    Shipped,
    Rejected,
    Lost,
    Stuck,
    /// The seed decides between shipped and rejected.
    Any,
}

impl OrderOutcome {
    pub(super) const WORDS: [(&'static str, Self); 5] = [
        ("shipped", Self::Shipped),
        ("rejected", Self::Rejected),
        ("lost", Self::Lost),
        ("stuck", Self::Stuck),
        ("any", Self::Any),
    ];

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::WORDS
            .into_iter()
            .find_map(|(name, outcome)| (name == word).then_some(outcome))
    }

    /// The steps that lie before a new order.
    pub(super) fn steps(self, chance: bool) -> &'static [OrderStatus] {
        use OrderStatus::{Lost, Packed, Paid, Rejected, Shipped};
        match self {
            Self::Any if chance => &[Rejected],
            Self::Shipped | Self::Any => &[Paid, Packed, Shipped],
            Self::Rejected => &[Rejected],
            Self::Lost => &[Paid, Packed, Lost],
            Self::Stuck => &[Paid],
        }
    }
}
