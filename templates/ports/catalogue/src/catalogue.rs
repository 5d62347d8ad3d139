//! What things cost: the port to the price catalogue, and what can stand behind it.

use std::collections::HashMap;

use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use thiserror::Error;

/// A price catalogue.
#[derive(Debug)]
pub enum Catalogue {
    /// A service.
    Http(HttpCatalogue),
    /// Fixed prices, for tests and for the first run.
    Sample(SampleCatalogue),
}

impl Catalogue {
    /// The price of one piece of an article, in cents.
    pub async fn price(&self, sku: &str) -> Result<u32, CatalogueError> {
        match self {
            Self::Http(catalogue) => catalogue.price(sku).await,
            Self::Sample(catalogue) => catalogue.price(sku),
        }
    }
}

/// Why there is no price.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The catalogue has no such article.
    #[error("the catalogue has no article `{sku}`")]
    UnknownSku {
        /// The article asked for.
        sku: String,
    },
    /// The answer did not come in time.
    #[error("the catalogue did not answer in time for `{sku}`")]
    Timeout {
        /// The article asked for.
        sku: String,
        /// What the client says.
        source: reqwest::Error,
    },
    /// The call failed.
    #[error("the catalogue did not tell the price of `{sku}`")]
    Unavailable {
        /// The article asked for.
        sku: String,
        /// What the client says.
        source: reqwest::Error,
    },
}

/// A catalogue that answers `GET {base}/prices/{sku}` with `{"unitPriceCents": 1250}`.
#[derive(Debug)]
pub struct HttpCatalogue {
    client: Client,
    base: Url,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Price {
    unit_price_cents: u32,
}

impl HttpCatalogue {
    /// The catalogue at this address. Time limits are the client's.
    pub fn new(client: Client, base: Url) -> Self {
        Self { client, base }
    }

    async fn price(&self, sku: &str) -> Result<u32, CatalogueError> {
        let failed = |source: reqwest::Error| {
            let sku = sku.to_owned();
            if source.is_timeout() {
                CatalogueError::Timeout { sku, source }
            } else {
                CatalogueError::Unavailable { sku, source }
            }
        };
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            // Segments are escaped here: an article named `../x` stays one segment.
            path.pop_if_empty().extend(["prices", sku]);
        }
        let response = self.client.get(url).send().await.map_err(failed)?;
        if response.status() == StatusCode::NOT_FOUND {
            return Err(CatalogueError::UnknownSku {
                sku: sku.to_owned(),
            });
        }
        let price: Price = response
            .error_for_status()
            .map_err(failed)?
            .json()
            .await
            .map_err(failed)?;
        Ok(price.unit_price_cents)
    }
}

/// A catalogue of the articles that the sample events order.
#[derive(Debug)]
pub struct SampleCatalogue {
    prices: HashMap<&'static str, u32>,
}

impl Default for SampleCatalogue {
    fn default() -> Self {
        Self {
            prices: HashMap::from([("KILN-MUG", 1250), ("KILN-CAP", 1990), ("KILN-APRON", 3400)]),
        }
    }
}

impl SampleCatalogue {
    fn price(&self, sku: &str) -> Result<u32, CatalogueError> {
        self.prices
            .get(sku)
            .copied()
            .ok_or_else(|| CatalogueError::UnknownSku {
                sku: sku.to_owned(),
            })
    }
}
