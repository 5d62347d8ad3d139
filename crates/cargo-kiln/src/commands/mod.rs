//! One file per command: its flags (`Args`) and its work (`run`).

pub mod build;
pub mod doctor;
pub mod event;
pub mod init;
pub mod invoke;
pub mod new;
pub mod tour;
pub mod watch;
