//! The orders taken so far.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orders::AcceptedOrder;

/// How many orders one environment remembers: its memory is limited, so this must be too.
const CAPACITY: usize = 10_000;

/// The orders this environment has taken, in memory.
///
/// It stands in for a table, so that the example runs without an account. Another environment has
/// another book, and it is gone when the environment is: a real one would hold a client here, built
/// once, and await it.
#[derive(Clone, Debug, Default)]
pub struct OrderBook {
    orders: Arc<Mutex<HashMap<String, AcceptedOrder>>>,
}

/// Why an order is not entered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// Another order has its id.
    #[error("there is another order `{order_id}` already")]
    Taken {
        /// The id.
        order_id: String,
    },
    /// There is no room.
    #[error("no more than {CAPACITY} orders are kept")]
    Full,
}

impl OrderBook {
    /// Enters an order. Entering it again is fine and changes nothing: callers retry.
    ///
    /// # Errors
    ///
    /// When a different order has the same id, or the book is full.
    pub fn enter(&self, order: &AcceptedOrder) -> Result<(), BookError> {
        let mut orders = self.lock();
        let full = orders.len() >= CAPACITY;
        match orders.entry(order.order().order_id.clone()) {
            Entry::Occupied(entry) if entry.get() == order => Ok(()),
            Entry::Occupied(entry) => Err(BookError::Taken {
                order_id: entry.key().clone(),
            }),
            Entry::Vacant(_) if full => Err(BookError::Full),
            Entry::Vacant(entry) => {
                entry.insert(order.clone());
                Ok(())
            }
        }
    }

    /// Looks an order up.
    pub fn find(&self, order_id: &str) -> Option<AcceptedOrder> {
        self.lock().get(order_id).cloned()
    }

    /// A panic elsewhere leaves the map whole: nothing here panics between two changes.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, AcceptedOrder>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use orders::{Line, Order};

    use super::*;

    fn accepted(order_id: &str, quantity: u32) -> AcceptedOrder {
        let line = Line {
            sku: "KILN-MUG".to_owned(),
            quantity,
            unit_price_cents: 1250,
        };
        let order = Order {
            order_id: order_id.to_owned(),
            customer: "ada".to_owned(),
            lines: vec![line],
        };
        order.accept().unwrap()
    }

    #[test]
    fn an_order_is_entered_once_however_often_it_is_sent() {
        let book = OrderBook::default();
        let order = accepted("ord-1", 1);
        assert_eq!(book.enter(&order), Ok(()));
        assert_eq!(book.enter(&order), Ok(()));
        assert_eq!(book.find("ord-1"), Some(order));
    }

    #[test]
    fn another_order_of_the_same_id_is_refused_and_the_first_stays() {
        let book = OrderBook::default();
        book.enter(&accepted("ord-1", 1)).unwrap();
        let error = book.enter(&accepted("ord-1", 2)).unwrap_err();
        assert_eq!(error.to_string(), "there is another order `ord-1` already");
        assert_eq!(book.find("ord-1"), Some(accepted("ord-1", 1)));
    }

    #[test]
    fn a_full_book_takes_no_new_orders_but_knows_the_old() {
        let book = OrderBook::default();
        for number in 0..CAPACITY {
            book.enter(&accepted(&format!("ord-{number}"), 1)).unwrap();
        }
        assert_eq!(book.enter(&accepted("one-more", 1)), Err(BookError::Full));
        assert_eq!(book.enter(&accepted("ord-0", 1)), Ok(()));
    }
}
