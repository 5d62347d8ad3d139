//! Where artefacts go, and what is in them.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::machine::OWN;
use crate::project::{Project, listing};

#[test]
fn artefacts_lie_where_sam_and_the_cdk_look_and_nothing_else_does() {
    let project = Project::new("build-workspace");
    project.build(&[]).exits(0);
    assert_eq!(
        project.listing("target/lambda"),
        ["cancel", "extensions", "place"]
    );
    assert_eq!(project.listing("target/lambda/place"), ["bootstrap"]);
    assert_eq!(project.listing("target/lambda/extensions"), ["audit"]);

    project.build(&["--output-format", "zip"]).exits(0);
    assert_eq!(
        project.listing("target/lambda"),
        ["cancel", "extensions", "place"]
    );
    assert_eq!(project.listing("target/lambda/place"), ["bootstrap.zip"]);
    assert_eq!(project.listing("target/lambda/extensions"), ["audit.zip"]);

    assert_eq!(project.run("target/debug/place"), "place\n");
}

#[test]
fn the_bootstrap_runs() {
    let project = Project::new("build-workspace");
    project.build(&["--bin", "place"]).exits(0);
    assert_eq!(project.run("target/lambda/place/bootstrap"), "place\n");
}

#[test]
fn a_stale_binary_is_not_packed_again() {
    let project = Project::new("build-workspace");
    project.build(&[]).exits(0);
    fs::remove_dir_all(project.path("target/lambda")).unwrap();
    // The others are still in the profile directory.
    project.build(&["--bin", "place"]).exits(0);
    assert_eq!(project.listing("target/lambda"), ["place"]);
}

#[test]
fn a_zip_has_the_same_bytes_whenever_it_is_built() {
    let project = Project::new("build-workspace");
    let args = [
        "--bin",
        "place",
        "-o",
        "zip",
        "-i",
        "assets",
        "-i",
        "orders/Cargo.toml:config.toml",
    ];
    project.build(&args).exits(0);
    let first = project.read("target/lambda/place/bootstrap.zip");

    let later = SystemTime::now() + Duration::from_secs(86_400);
    for touched in ["assets/one.txt", "target/debug/place"] {
        let file = fs::File::options()
            .append(true)
            .open(project.path(touched))
            .unwrap();
        file.set_modified(later).unwrap();
    }
    fs::remove_dir_all(project.path("target/lambda")).unwrap();
    project.build(&args).exits(0);
    assert!(first == project.read("target/lambda/place/bootstrap.zip"));

    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(first)).unwrap();
    let entries: Vec<(String, Option<u32>)> = (0..archive.len())
        .map(|index| {
            let entry = archive.by_index(index).unwrap();
            (entry.name().unwrap().into_owned(), entry.unix_mode())
        })
        .collect();
    let entry = |name: &str, mode| (name.to_owned(), Some(mode));
    assert_eq!(
        entries,
        [
            entry("assets/deep/two.txt", 0o100_644),
            entry("assets/one.txt", 0o100_644),
            entry("bootstrap", 0o100_755),
            entry("config.toml", 0o100_644),
        ]
    );
}

#[test]
fn an_include_of_one_letter_gets_its_name_in_the_zip() {
    let project = Project::new("build-workspace");
    project.write("a/one.txt", "one");
    project
        .build(&["--bin", "place", "-o", "zip", "-i", "a:data"])
        .exits(0);
    assert_eq!(
        project.zipped("target/lambda/place/bootstrap.zip"),
        ["bootstrap", "data/one.txt"]
    );
}

#[test]
fn a_missing_include_is_an_error() {
    let project = Project::new("build-workspace");
    let answer = project
        .build(&["-o", "zip", "--include", "nowhere"])
        .exits(2);
    assert_eq!(
        answer.complaint(),
        format!(
            "error: the included path `nowhere` does not exist (--include)\n\
             hint: the path is taken from `{}`",
            project.path("").display()
        )
        .replace("/`", "`")
    );
    assert_eq!(project.listing("target"), [""; 0]);
}

/// And that is told before cargo starts, which may take minutes.
#[cfg(unix)]
#[test]
fn an_include_that_cannot_be_packed_is_an_error() {
    let project = Project::new("build-workspace");
    let refused = |include: &str, complaint: &str| {
        let answer = project.build(&["-o", "zip", "-i", include]).exits(2);
        assert_eq!(answer.stderr.trim_end(), complaint);
    };
    let assets = project.path("assets");
    refused(
        "assets:../data",
        &format!(
            "error: `{}` has no name that a zip can hold\n\
             hint: give it another name in the zip: `--include PATH:NAME`",
            assets.display()
        ),
    );
    let socket = assets.join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    refused(
        "assets",
        &format!(
            "error: `{}` is neither a file nor a directory\n\
             hint: include files and directories only",
            socket.display()
        ),
    );
    assert_eq!(project.listing("target"), [""; 0]);
}

#[test]
fn an_extension_lies_apart_and_in_a_directory_of_its_zip() {
    let project = Project::new("build-workspace");
    // By its dependency, and by the flag; internal ones have no directory.
    project.build(&["-p", "audit", "-o", "zip"]).exits(0);
    assert_eq!(
        project.zipped("target/lambda/extensions/audit.zip"),
        ["extensions/audit"]
    );
    project
        .build(&["-p", "tool", "--extension", "-o", "zip"])
        .exits(0);
    assert_eq!(
        project.zipped("target/lambda/extensions/tool.zip"),
        ["extensions/tool"]
    );
    project
        .build(&["-p", "tool", "--extension", "--internal", "-o", "zip"])
        .exits(0);
    assert_eq!(
        project.zipped("target/lambda/extensions/tool.zip"),
        ["tool"]
    );
    assert_eq!(project.listing("target/lambda"), ["extensions"]);
}

#[test]
fn directories_follow_flags_and_environment() {
    let project = Project::new("build-workspace");
    let place = ["--bin", "place"];

    project
        .build(&[&place[..], &["--target-dir", "elsewhere"]].concat())
        .exits(0);
    assert_eq!(project.listing("elsewhere/lambda/place"), ["bootstrap"]);

    let shared = tempfile::tempdir().unwrap();
    project
        .build(&place)
        .env("CARGO_TARGET_DIR", shared.path())
        .exits(0);
    assert_eq!(listing(&shared.path().join("lambda/place")), ["bootstrap"]);

    // As the CDK calls it; it ships all that lies in the directory.
    let bundle = tempfile::tempdir().unwrap();
    let directory = bundle.path().join("asset");
    let flags = [
        "--lambda-dir",
        directory.to_str().unwrap(),
        "--flatten",
        "place",
    ];
    project.build(&[&place[..], &flags].concat()).exits(0);
    assert_eq!(listing(&directory), ["bootstrap"]);
    assert_eq!(project.listing("target/lambda"), [""; 0]);
}

#[test]
fn the_summary_tells_sizes_architecture_glibc_and_time() {
    let project = Project::new("build-workspace");
    let answer = project
        .build(&["--release", "-p", "orders", "-o", "json"])
        .exits(0);
    let summary = answer.json();
    let programs = summary["programs"].as_array().unwrap();
    assert_eq!(programs.len(), 2);
    for program in programs {
        let path = std::path::PathBuf::from(program["path"].as_str().unwrap());
        let size = fs::metadata(&path).unwrap().len();
        assert_eq!(program["size"], size);
        assert_eq!(program["content_size"], size);
        let zipped = program["zip_size"].as_u64().unwrap();
        assert!((1..size).contains(&zipped), "{program}");
        assert_eq!(program["architecture"], OWN.lambda);
        assert_eq!(program["kind"], "function");
        assert_eq!(program["linker"], "host");
        assert_eq!(program["profile"], "release");
        assert!(
            program["glibc"].as_str().unwrap().starts_with("2."),
            "{program}"
        );
        assert!(program["duration_ms"].as_u64().unwrap() > 0);
    }

    let text = project
        .build(&["--release", "-p", "orders"])
        .exits(0)
        .stdout;
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(
        lines[0],
        [
            "function", "size", "zipped", "arch", "glibc", "time", "path"
        ]
    );
    assert_eq!(lines.len(), 3);
    assert!(lines[1..].iter().all(|line| line.len() == 7), "{text}");
    let mut paths: Vec<&str> = lines[1..].iter().map(|line| line[6]).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "target/lambda/cancel/bootstrap",
            "target/lambda/place/bootstrap"
        ]
    );
}

#[test]
fn a_failed_build_leaves_the_old_artefacts() {
    let project = Project::new("build-workspace");
    project.build(&[]).exits(0);
    let before = project.read("target/lambda/place/bootstrap");
    project.write("orders/src/bin/place.rs", "fn main() { nonsense }");
    let answer = project.build(&[]).exits(1);
    // Cargo's own words are what helps.
    assert!(
        answer.stderr.contains("cannot find value `nonsense`"),
        "{}",
        answer.stderr
    );
    assert_eq!(answer.stdout, "");
    assert!(before == project.read("target/lambda/place/bootstrap"));
    assert_eq!(
        project.listing("target/lambda"),
        ["cancel", "extensions", "place"]
    );
    assert_eq!(project.listing("target/lambda/place"), ["bootstrap"]);
}
