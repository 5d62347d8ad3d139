//! A scheduled job: sums up the orders of the day before.
//!
//! - EventBridge invokes it: on a schedule, whose `detail` is empty, or with a detail that names a shop,
//!   for a report that is wanted anew. Both are one type.
//! - Feature flags decide what is in the report: the best sellers for the shops that have them, and a
//!   summary of the week on Mondays. They come from `flags.json`, which is part of the function; one line
//!   of `main.rs` would read them from AppConfig.
//! - What counts as now is the time of the event: a report that is made again is the same report.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_lambda_events::eventbridge::EventBridgeEvent;
use kiln::flags::{FlagError, Schema};
use kiln::{LambdaError, LambdaEvent};
use orders::Order;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The `detail` of the event: empty on a schedule.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Detail {
    /// Whose report it is: `main` unless said otherwise.
    pub shop: Option<String>,
}

/// What is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whose report it is.
    pub shop: String,
    /// How many orders there were.
    pub orders: usize,
    /// What they came to, in cents.
    pub revenue_cents: u64,
    /// The articles that sold best, if the shop has them in its reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best_sellers: Option<Vec<String>>,
    /// Whether the week is summed up as well.
    pub weekly_summary: bool,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error, LambdaError)]
pub enum ReportError {
    /// There is no such shop.
    #[error("there is no shop `{0}`")]
    UnknownShop(String),
    /// A flag is not of the type it is used as.
    #[error("flag `{0}` is missing, or of another type than the report needs")]
    #[lambda_error(type = "WrongFlag")]
    Flag(&'static str),
}

/// What the function keeps for as long as its environment lives.
#[derive(Debug)]
pub struct Job {
    flags: Schema,
    /// By shop, in the place of a table.
    orders: BTreeMap<String, Vec<Order>>,
}

impl Job {
    /// With the flags and the orders that are part of the function.
    ///
    /// # Errors
    /// When the flags are wrong: then the init fails, with the feature, the rule and the condition.
    pub async fn new() -> Result<Self, FlagError> {
        let line = |sku: &str, quantity, unit_price_cents| orders::Line {
            sku: sku.to_owned(),
            quantity,
            unit_price_cents,
        };
        let order = |order_id: &str, lines| Order {
            order_id: order_id.to_owned(),
            customer: "ada".to_owned(),
            lines,
        };
        let main = vec![
            order(
                "ord-1001",
                vec![line("KILN-MUG", 2, 1_250), line("KILN-CAP", 1, 1_990)],
            ),
            order("ord-1002", vec![line("KILN-MUG", 1, 1_250)]),
        ];
        let outlet = vec![order("ord-2001", vec![line("KILN-CAP", 3, 990)])];
        Ok(Self {
            flags: Schema::parse(include_bytes!("../flags.json"))?,
            orders: BTreeMap::from([("main".to_owned(), main), ("outlet".to_owned(), outlet)]),
        })
    }

    /// Makes the report.
    ///
    /// # Errors
    /// [`ReportError`].
    pub async fn report(
        &self,
        event: LambdaEvent<EventBridgeEvent<Detail>>,
    ) -> Result<Report, ReportError> {
        let EventBridgeEvent { detail, time, .. } = event.payload;
        let time = time.map_or_else(SystemTime::now, SystemTime::from);
        let shop = detail.shop.unwrap_or_else(|| "main".to_owned());
        let orders = self.orders.get(&shop);
        let orders = orders.ok_or_else(|| ReportError::UnknownShop(shop.clone()))?;

        let attributes = json!({ "shop": shop, "orders": orders.len() });
        let flag = |name| {
            let value = self.flags.evaluate(name, &attributes, time);
            value.ok_or(ReportError::Flag(name))
        };
        let most = flag("best sellers")?.as_u64();
        let most = most.ok_or(ReportError::Flag("best sellers"))?;
        let weekly_summary = flag("weekly summary")?.as_bool();
        Ok(Report {
            orders: orders.len(),
            revenue_cents: orders.iter().map(revenue).sum(),
            best_sellers: (most > 0).then(|| best_sellers(orders, most)),
            weekly_summary: weekly_summary.ok_or(ReportError::Flag("weekly summary"))?,
            shop,
        })
    }
}

fn revenue(order: &Order) -> u64 {
    let lines = order.lines.iter();
    lines
        .map(|line| u64::from(line.quantity) * u64::from(line.unit_price_cents))
        .sum()
}

/// The articles by pieces sold, and by name where they are level.
fn best_sellers(orders: &[Order], most: u64) -> Vec<String> {
    let mut pieces = BTreeMap::<&str, u64>::new();
    for line in orders.iter().flat_map(|order| &order.lines) {
        *pieces.entry(&line.sku).or_default() += u64::from(line.quantity);
    }
    let mut sold: Vec<_> = pieces.into_iter().collect();
    sold.sort_by_key(|(_, pieces)| std::cmp::Reverse(*pieces));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    sold.into_iter()
        .take(most)
        .map(|(sku, _)| sku.to_owned())
        .collect()
}
