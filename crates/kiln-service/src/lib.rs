//! The local AWS Lambda: HTTP edge, functions, scheduler.
