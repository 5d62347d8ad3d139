//! The doorbell: everything else is in the library.

fn main() -> std::process::ExitCode {
    cargo_kiln::main(std::env::args_os())
}
