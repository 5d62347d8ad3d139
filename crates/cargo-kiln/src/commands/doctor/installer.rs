//! How packages are installed on this machine: a cure is a command that works there.

/// The program that installs packages on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installer {
    /// Debian and its kin.
    Apt,
    /// Fedora, Amazon Linux.
    Dnf,
    /// Arch.
    Pacman,
    /// Alpine.
    Apk,
    /// macOS.
    Mac,
    /// Something else.
    Unknown,
}

impl Installer {
    /// Programs to look for, in this order.
    pub const PROGRAMS: [&str; 4] = ["apt-get", "dnf", "pacman", "apk"];

    /// The installer whose program was found.
    pub fn of(program: Option<&str>) -> Self {
        match program {
            Some("apt-get") => Self::Apt,
            Some("dnf") => Self::Dnf,
            Some("pacman") => Self::Pacman,
            Some("apk") => Self::Apk,
            _ if cfg!(target_os = "macos") => Self::Mac,
            _ => Self::Unknown,
        }
    }

    /// How to get a C compiler.
    pub fn c_compiler(self) -> &'static str {
        match self {
            Self::Apt => "sudo apt-get install build-essential",
            Self::Dnf => "sudo dnf install gcc",
            Self::Pacman => "sudo pacman -S gcc",
            Self::Apk => "sudo apk add build-base",
            Self::Mac => "xcode-select --install",
            Self::Unknown => "install a C compiler that answers to `cc`",
        }
    }

    /// How to get an emulator of arm64.
    pub fn emulator(self) -> &'static str {
        match self {
            Self::Apt => "sudo apt-get install qemu-user",
            Self::Dnf => "sudo dnf install qemu-user",
            Self::Pacman => "sudo pacman -S qemu-user",
            Self::Apk => "sudo apk add qemu-aarch64",
            Self::Mac | Self::Unknown => "install qemu's user emulation for aarch64",
        }
    }
}
