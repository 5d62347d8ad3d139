//! Compile, package and read the artefacts of Lambda functions.
