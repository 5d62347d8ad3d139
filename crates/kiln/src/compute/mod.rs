//! CPU work beside the async threads.
