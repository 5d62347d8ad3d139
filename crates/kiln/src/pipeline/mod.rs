//! Download, compute, upload: overlapping, in bounded memory.
