//! Where stock is reserved.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kiln::LambdaError;
use orders::Order;

/// Something that sets stock aside for orders: a service, a table, or memory.
pub trait Warehouse: Sync {
    /// Sets aside all that an order asks for, or nothing. A second call for the same order answers
    /// as the first did.
    fn reserve(&self, order: &Order) -> impl Future<Output = Result<Reservation, Refusal>> + Send;
}

/// What has been set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The order.
    pub order_id: String,
    /// How many pieces, of all articles.
    pub pieces: u32,
}

/// Why nothing has been set aside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, LambdaError)]
pub enum Refusal {
    /// There is no such article.
    #[error("there is no article `{sku}`")]
    UnknownArticle {
        /// The article.
        sku: String,
    },
    /// There is less of the article than the order asks for.
    #[error("only {left} of `{sku}` are left, not {wanted}")]
    OutOfStock {
        /// The article.
        sku: String,
        /// How many the order asks for.
        wanted: u32,
        /// How many there are.
        left: u32,
    },
}

/// A warehouse in the memory of one environment.
///
/// It stands in for a table, so that the example runs without an account: another environment has
/// stock of its own. With a table, the check and the change below are one conditional write.
#[derive(Debug)]
pub struct StockRoom {
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    stock: HashMap<String, u32>,
    reserved: HashMap<String, Reservation>,
}

impl StockRoom {
    /// The shop's articles, 10,000 pieces each.
    pub fn opening_stock() -> Self {
        Self::with_stock(["KILN-MUG", "KILN-CAP", "KILN-APRON"].map(|sku| (sku, 10_000)))
    }

    /// Articles and how many there are of each.
    pub fn with_stock<'a>(stock: impl IntoIterator<Item = (&'a str, u32)>) -> Self {
        let stock = stock
            .into_iter()
            .map(|(sku, pieces)| (sku.to_owned(), pieces))
            .collect();
        Self {
            books: Mutex::new(Books {
                stock,
                // Every reservation takes a piece at least, so the stock bounds this map too.
                reserved: HashMap::new(),
            }),
        }
    }
}

impl Warehouse for StockRoom {
    async fn reserve(&self, order: &Order) -> Result<Reservation, Refusal> {
        // No await below, so a blocking lock is fine; and `Books::reserve` leaves the books whole
        // even if it should panic.
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.reserve(order)
    }
}

impl Books {
    fn reserve(&mut self, order: &Order) -> Result<Reservation, Refusal> {
        if let Some(reservation) = self.reserved.get(&order.order_id) {
            return Ok(reservation.clone());
        }
        // Two lines may ask for the same article: what counts is their sum.
        let mut wanted: HashMap<&str, u32> = HashMap::new();
        for line in &order.lines {
            *wanted.entry(&line.sku).or_default() += line.quantity;
        }
        for (sku, wanted) in &wanted {
            let left = *self
                .stock
                .get(*sku)
                .ok_or_else(|| Refusal::UnknownArticle {
                    sku: (*sku).to_owned(),
                })?;
            if left < *wanted {
                return Err(Refusal::OutOfStock {
                    sku: (*sku).to_owned(),
                    wanted: *wanted,
                    left,
                });
            }
        }
        for (sku, wanted) in &wanted {
            if let Some(left) = self.stock.get_mut(*sku) {
                *left -= wanted;
            }
        }
        let reservation = Reservation {
            order_id: order.order_id.clone(),
            pieces: wanted.values().sum(),
        };
        self.reserved
            .insert(order.order_id.clone(), reservation.clone());
        Ok(reservation)
    }
}

#[cfg(test)]
mod tests {
    use orders::Line;

    use super::*;

    fn order(order_id: &str, lines: &[(&str, u32)]) -> Order {
        let line = |(sku, quantity): &(&str, u32)| Line {
            sku: (*sku).to_owned(),
            quantity: *quantity,
            unit_price_cents: 1,
        };
        Order {
            order_id: order_id.to_owned(),
            customer: "ada".to_owned(),
            lines: lines.iter().map(line).collect(),
        }
    }

    fn left(room: &StockRoom, sku: &str) -> u32 {
        room.books.lock().unwrap().stock[sku]
    }

    #[tokio::test]
    async fn an_order_is_reserved_once_however_often_it_arrives() {
        let room = StockRoom::with_stock([("MUG", 5)]);
        let order = order("ord-1", &[("MUG", 2)]);
        let first = room.reserve(&order).await.unwrap();
        assert_eq!(room.reserve(&order).await, Ok(first.clone()));
        assert_eq!((first.pieces, left(&room, "MUG")), (2, 3));
    }

    #[tokio::test]
    async fn all_of_an_order_is_reserved_or_nothing() {
        let room = StockRoom::with_stock([("MUG", 5), ("CAP", 1)]);
        for (lines, refusal) in [
            (
                &[("MUG", 1), ("CAP", 2)][..],
                "only 1 of `CAP` are left, not 2",
            ),
            (&[("MUG", 1), ("SPOON", 1)], "there is no article `SPOON`"),
            (&[("MUG", 3), ("MUG", 3)], "only 5 of `MUG` are left, not 6"),
        ] {
            let refused = room.reserve(&order("ord-1", lines)).await.unwrap_err();
            assert_eq!(refused.to_string(), refusal);
            assert_eq!((left(&room, "MUG"), left(&room, "CAP")), (5, 1));
        }
        let last = order("ord-1", &[("MUG", 5), ("CAP", 1)]);
        assert_eq!(room.reserve(&last).await.unwrap().pieces, 6);
    }
}
