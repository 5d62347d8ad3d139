//! One execution environment: its lifecycle, its Runtime API, its processes.
