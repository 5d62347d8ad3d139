//! Single keys on a terminal.

use std::io::{IsTerminal as _, Read as _};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Build again.
    Rebuild,
    /// End idle environments, so that the next invocations are cold.
    Cold,
    /// Clear the screen.
    Clear,
    /// Say which keys there are.
    Help,
    /// Stop.
    Quit,
}

/// What `h` prints.
pub const HELP: &str =
    "r rebuild · k end idle environments (next call is cold) · c clear · h help · q quit";

/// Puts the terminal back as it was.
struct Restore(Termios);

impl Drop for Restore {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// The keys pressed from now on. Without a terminal there are none.
pub struct Keys {
    pressed: UnboundedReceiver<Key>,
    _restore: Option<Restore>,
}

impl Keys {
    /// Begins to listen, when stdin and stderr are a terminal and we are in its foreground.
    pub fn listen() -> Self {
        let (sender, pressed) = unbounded_channel();
        let restore = interactive().then(one_at_a_time).flatten();
        if restore.is_some() {
            std::thread::spawn(move || {
                let mut byte = [0];
                while std::io::stdin().read_exact(&mut byte).is_ok() {
                    if let Some(key) = key(byte[0])
                        && sender.send(key).is_err()
                    {
                        return;
                    }
                }
            });
        }
        Self {
            pressed,
            _restore: restore,
        }
    }

    /// Whether keys do anything.
    pub fn is_listening(&self) -> bool {
        self._restore.is_some()
    }

    /// The next key.
    pub async fn next(&mut self) -> Key {
        match self.pressed.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

fn interactive() -> bool {
    let stdin = std::io::stdin();
    let foreground =
        termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp());
    stdin.is_terminal() && std::io::stderr().is_terminal() && foreground
}

/// Makes the terminal hand over keys without waiting for Enter, and without showing them. Signals
/// (Ctrl-C) and line breaks in the output stay as they are, which a raw mode would change.
fn one_at_a_time() -> Option<Restore> {
    let stdin = std::io::stdin();
    let before = termios::tcgetattr(&stdin).ok()?;
    let mut after = before.clone();
    after.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    termios::tcsetattr(&stdin, OptionalActions::Now, &after).ok()?;
    Some(Restore(before))
}

fn key(byte: u8) -> Option<Key> {
    // Caps Lock is no reason not to work.
    match byte.to_ascii_lowercase() {
        b'r' => Some(Key::Rebuild),
        b'k' => Some(Key::Cold),
        b'c' => Some(Key::Clear),
        b'h' | b'?' => Some(Key::Help),
        b'q' | b'x' => Some(Key::Quit),
        _ => None,
    }
}
