//! What has become of all items.

use super::ItemError;

/// An outcome for each item, and how much memory they took.
///
/// # Example
///
/// ```
/// use kiln::pipeline;
/// # use std::convert::Infallible;
///
/// # kiln_doc(async {
/// let report = pipeline::items(vec![2_u64, 3], |_| 8)
///     .download(async |number| Ok::<_, Infallible>(number))
///     .compute(|number| Ok(number * number))
///     .upload(async |square| Ok(square))
///     .run()
///     .await;
/// assert!(report.peak_bytes <= 16);
/// assert_eq!(report.failures().count(), 0);
/// assert_eq!(report.into_results().unwrap(), [4, 9]);
/// # });
/// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
/// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
/// # }
/// ```
#[derive(Debug)]
#[must_use = "items may have failed"]
#[non_exhaustive]
pub struct Report<R, E> {
    /// What became of each item, in the order of the items.
    pub outcomes: Vec<Result<R, ItemError<E>>>,
    /// The most bytes that items held at once, by what they said of themselves.
    pub peak_bytes: u64,
}

impl<R, E> Report<R, E> {
    /// The items that have not come through, in their order.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::pipeline;
    ///
    /// # kiln_doc(async {
    /// let report = pipeline::items(["1", "two", "3"], |_| 1)
    ///     .download(async |text: &str| text.parse::<u32>())
    ///     .compute(Ok)
    ///     .upload(async |number| Ok(number))
    ///     .run()
    ///     .await;
    /// let failed: Vec<usize> = report.failures().map(|error| error.index).collect();
    /// assert_eq!(failed, [1]);
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn failures(&self) -> impl Iterator<Item = &ItemError<E>> {
        self.outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
    }

    /// The results of all items in their order, if all have come through.
    ///
    /// # Errors
    /// The first item that has not, by the order of the items.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln::pipeline;
    ///
    /// # kiln_doc(async {
    /// let report = pipeline::items(["1", "two", "3"], |_| 1)
    ///     .download(async |text: &str| text.parse::<u32>())
    ///     .compute(Ok)
    ///     .upload(async |number| Ok(number))
    ///     .run()
    ///     .await;
    /// let error = report.into_results().unwrap_err();
    /// assert_eq!(error.to_string(), "item 1, download: invalid digit found in string");
    /// # });
    /// # fn kiln_doc<T>(test: impl Future<Output = T>) -> T {
    /// #     tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    /// # }
    /// ```
    pub fn into_results(self) -> Result<Vec<R>, ItemError<E>> {
        self.outcomes.into_iter().collect()
    }
}
