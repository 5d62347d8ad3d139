//! What closures on other threads see of the invocation that they belong to.

use std::sync::Arc;

use ::tracing::Span;
use rayon::iter::plumbing::{Consumer, Folder, UnindexedConsumer};
use rayon::iter::{IndexedParallelIterator, ParallelIterator};

use crate::invocation::{self, Invocation};

/// The invocation and the span.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    invocation: Option<Arc<Invocation>>,
    span: Span,
}

impl Scope {
    /// Those of the calling task.
    pub(super) fn current() -> Self {
        Self {
            invocation: invocation::current(),
            span: Span::current(),
        }
    }

    /// Runs a closure within them.
    pub(super) fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        let work = || self.span.in_scope(work);
        match &self.invocation {
            Some(invocation) => invocation.clone().sync_scope(work),
            None => work(),
        }
    }
}

/// An iterator whose pieces, as rayon cuts them, are each consumed within a scope.
///
/// Once per piece: rayon's own `map_init` could do so for a guard, but a task-local value is set for
/// the time of a closure.
pub(super) struct Scoped<'s, I> {
    base: I,
    scope: &'s Scope,
}

impl<'s, I: IndexedParallelIterator> Scoped<'s, I> {
    pub(super) fn new(base: I, scope: &'s Scope) -> Self {
        Self { base, scope }
    }
}

impl<I: IndexedParallelIterator> ParallelIterator for Scoped<'_, I> {
    type Item = I::Item;

    fn drive_unindexed<C: UnindexedConsumer<I::Item>>(self, consumer: C) -> C::Result {
        self.base.drive(ScopedConsumer {
            base: consumer,
            scope: self.scope,
        })
    }

    // With a length, `collect` writes each result to its place.
    fn opt_len(&self) -> Option<usize> {
        Some(self.base.len())
    }
}

struct ScopedConsumer<'s, C> {
    base: C,
    scope: &'s Scope,
}

impl<'s, T, C: Consumer<T>> Consumer<T> for ScopedConsumer<'s, C> {
    type Folder = ScopedFolder<'s, C::Folder>;
    type Reducer = C::Reducer;
    type Result = C::Result;

    fn split_at(self, index: usize) -> (Self, Self, C::Reducer) {
        let scope = self.scope;
        let (left, right, reducer) = self.base.split_at(index);
        let scoped = |base| Self { base, scope };
        (scoped(left), scoped(right), reducer)
    }

    fn into_folder(self) -> Self::Folder {
        ScopedFolder {
            base: self.base.into_folder(),
            scope: self.scope,
        }
    }

    fn full(&self) -> bool {
        self.base.full()
    }
}

struct ScopedFolder<'s, F> {
    base: F,
    scope: &'s Scope,
}

impl<T, F: Folder<T>> Folder<T> for ScopedFolder<'_, F> {
    type Result = F::Result;

    fn consume(self, item: T) -> Self {
        let Self { base, scope } = self;
        let base = scope.enter(|| base.consume(item));
        Self { base, scope }
    }

    fn consume_iter<I: IntoIterator<Item = T>>(self, items: I) -> Self {
        let Self { base, scope } = self;
        let base = scope.enter(|| base.consume_iter(items));
        Self { base, scope }
    }

    fn complete(self) -> F::Result {
        self.base.complete()
    }

    fn full(&self) -> bool {
        self.base.full()
    }
}
