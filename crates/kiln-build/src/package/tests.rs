use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::*;

/// A directory with an executable `program` in it, to be packaged as `api`.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        fs::write(bench.path("program"), b"\x7fELF program").unwrap();
        bench
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    fn listing(&self, relative: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path(relative))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write(
        &self,
        kind: ProgramKind,
        format: OutputFormat,
        includes: &[Include],
    ) -> Result<Packaged, PackageError> {
        Package {
            executable: &self.path("program"),
            placement: self.placement(kind),
            includes,
        }
        .write(format, &self.path("staging"))
    }

    /// A function's zip.
    fn zip(&self, includes: &[Include]) -> Result<Packaged, PackageError> {
        self.write(ProgramKind::Function, OutputFormat::Zip, includes)
    }

    fn placement(&self, kind: ProgramKind) -> Placement {
        Layout::new(self.path("lambda"), None).placement("api", kind)
    }
}

fn entries(zip: &Path) -> Vec<(String, Option<u32>, Option<zip::DateTime>)> {
    let mut archive = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
    (0..archive.len())
        .map(|index| {
            let entry = archive.by_index(index).unwrap();
            (
                entry.name().unwrap().into_owned(),
                entry.unix_mode(),
                entry.last_modified(),
            )
        })
        .collect()
}

#[cfg(unix)]
#[test]
fn a_binary_is_executable_and_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let bench = Bench::new();
    let packaged = bench
        .write(ProgramKind::Function, OutputFormat::Binary, &[])
        .unwrap();
    assert_eq!(packaged.path, bench.path("lambda/api/bootstrap"));
    assert_eq!(packaged.content_size, 12);
    let mode = fs::metadata(&packaged.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(bench.listing("lambda"), ["api"]);
    assert_eq!(bench.listing("lambda/api"), ["bootstrap"]);
    assert_eq!(bench.listing("staging"), [""; 0]);
}

#[test]
fn a_place_is_checked_without_a_trace() {
    let bench = Bench::new();
    check_writable(&bench.path("not/yet")).unwrap();
    assert_eq!(bench.listing(""), ["program"]);
    // A file where a directory should be: permissions do not stop tests that root runs.
    for below in ["program", "program/artefacts/api"] {
        let error = check_writable(&bench.path(below)).unwrap_err();
        assert!(error.to_string().contains(below), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn the_other_format_does_not_stay_behind() {
    let bench = Bench::new();
    for (format, name) in [
        (OutputFormat::Binary, "bootstrap"),
        (OutputFormat::Zip, "bootstrap.zip"),
        (OutputFormat::Binary, "bootstrap"),
    ] {
        bench.write(ProgramKind::Function, format, &[]).unwrap();
        assert_eq!(bench.listing("lambda/api"), [name]);
    }
}

#[test]
fn a_zip_is_the_same_bytes_whenever_it_is_made() {
    let bench = Bench::new();
    let assets = bench.path("assets");
    fs::create_dir_all(assets.join("deep")).unwrap();
    for name in ["b.txt", "a.txt", "deep/c.txt"] {
        fs::write(assets.join(name), name).unwrap();
    }
    let includes = [Include::new(&assets, Some("data"))];
    let packaged = bench.zip(&includes).unwrap();
    let first = fs::read(&packaged.path).unwrap();
    // Other times, written in another order.
    for name in ["deep/c.txt", "a.txt", "b.txt"] {
        fs::remove_file(assets.join(name)).unwrap();
        fs::write(assets.join(name), name).unwrap();
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(7200);
        File::options()
            .write(true)
            .open(assets.join(name))
            .unwrap()
            .set_modified(later)
            .unwrap();
    }
    bench.zip(&includes).unwrap();
    assert_eq!(first, fs::read(&packaged.path).unwrap());
    assert_eq!(packaged.zip_size, Some(first.len() as u64));

    let epoch = Some(zip::DateTime::default());
    let entry = |name: &str, mode| (name.to_owned(), Some(mode), epoch);
    assert_eq!(
        entries(&packaged.path),
        [
            entry("bootstrap", 0o100_755),
            entry("data/a.txt", 0o100_644),
            entry("data/b.txt", 0o100_644),
            entry("data/deep/c.txt", 0o100_644),
        ]
    );
}

#[test]
fn the_size_of_a_zip_is_known_without_writing_it() {
    let bench = Bench::new();
    let package = Package {
        executable: &bench.path("program"),
        placement: bench.placement(ProgramKind::Function),
        includes: &[],
    };
    let expected = package.zip_size().unwrap();
    assert!(!bench.path("lambda").exists());
    assert_eq!(bench.zip(&[]).unwrap().zip_size, Some(expected));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_not_taken_for_an_unreadable_file() {
    let bench = Bench::new();
    let package = Package {
        executable: &bench.path("program"),
        placement: bench.placement(ProgramKind::Function),
        includes: &[],
    };
    let full = File::options().write(true).open("/dev/full").unwrap();
    let error = archive::write(&package, full).unwrap_err();
    assert!(matches!(error, PackageError::Write { .. }), "{error}");
    assert!(error.to_string().contains("bootstrap.zip"), "{error}");
}

#[test]
fn extensions_lie_where_lambda_looks_for_them() {
    let bench = Bench::new();
    let external = bench
        .write(ProgramKind::ExternalExtension, OutputFormat::Zip, &[])
        .unwrap();
    assert_eq!(external.path, bench.path("lambda/extensions/api.zip"));
    assert_eq!(entries(&external.path)[0].0, "extensions/api");
    let internal = bench
        .write(ProgramKind::InternalExtension, OutputFormat::Zip, &[])
        .unwrap();
    assert_eq!(entries(&internal.path)[0].0, "api");
}

#[test]
fn a_missing_include_is_an_error_and_leaves_the_old_artefact() {
    let bench = Bench::new();
    let before = bench.zip(&[]).unwrap();
    let bytes = fs::read(&before.path).unwrap();
    let error = bench
        .zip(&[Include::new(bench.path("nowhere"), None)])
        .unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(fs::read(&before.path).unwrap(), bytes);
    assert_eq!(bench.listing("lambda/api"), ["bootstrap.zip"]);
    assert_eq!(bench.listing("staging"), [""; 0]);
}

#[test]
fn two_files_for_one_name_are_an_error() {
    let bench = Bench::new();
    fs::write(bench.path("other"), "other").unwrap();
    let error = bench
        .zip(&[Include::new(bench.path("other"), Some("bootstrap"))])
        .unwrap_err();
    assert!(matches!(error, PackageError::Twice { .. }), "{error}");
}
