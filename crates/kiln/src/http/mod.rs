//! Layers for functions that answer HTTP requests.
