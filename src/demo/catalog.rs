use serde_json::json;

/// One thing that the shop sells.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) sku: &'static str,
    pub(super) name: &'static str,
    /// A multiple of 25, so that sums of prices are exact in binary floating point too.
    pub(super) cents: u64,
    /// How many the shop has while nothing is on order.
    pub(super) stock: u64,
}

/// Everything that the shop sells.
pub(super) const ITEMS: [Item; 6] = [
    Item {
        sku: "A-1",
        name: "Anvil",
        cents: 4950,
        stock: 100_000,
    },
    Item {
        sku: "B-2",
        name: "Brass bell",
        cents: 1225,
        stock: 100_000,
    },
    Item {
        sku: "C-3",
        name: "Copper kettle",
        cents: 3300,
        stock: 500,
    },
    Item {
        sku: "D-4",
        name: "Drum of rope",
        cents: 875,
        stock: 500,
    },
    Item {
        sku: "E-5",
        name: "Enamel mug",
        cents: 650,
        stock: 10,
    },
    Item {
        sku: "Z-0",
        name: "Zeppelin (sold out)",
        cents: 999_900,
        stock: 0,
    },
];

/// Where the item of this name stands in [`ITEMS`].
pub(super) fn find(sku: &str) -> Option<usize> {
    ITEMS.iter().position(|item| item.sku == sku)
}

/// An amount as JSON shows it: `49.5`.
pub(super) fn amount(cents: u64) -> f64 {
    cents as f64 / 100.0
}

impl Item {
    /// The item as its page shows it, with what is left of it now.
    pub(super) fn json(&self, left: u64) -> serde_json::Value {
        json!({ "sku": self.sku, "name": self.name, "price": amount(self.cents), "stock": left })
    }
}
