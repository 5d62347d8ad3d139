//! CloudWatch metrics in the embedded metric format.
