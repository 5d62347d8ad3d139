//! A few thousand invocations of functions that answer, fail, crash, hang and stream, for callers some
//! of whom leave. `cargo xtask bench soak` makes a million of the same, and looks at memory too.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic in a test is its report")]

use std::net::{Ipv4Addr, SocketAddr};

use kiln_bench::soak::{Kind, Service, Soak};
use kiln_testing::{Project, Watch, fixture};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");
const INVOCATIONS: u64 = 3_000;

fn serving(project: &str) -> Watch {
    // More than an account of the usual size may ask for in a second.
    Watch::start(KILN, fixture(project), &["--account-concurrency", "10000"]).ready()
}

fn service(watch: &Watch) -> Service {
    Service {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, watch.port())),
        pid: u32::try_from(watch.pid()).unwrap(),
    }
}

#[test]
fn a_soak_loses_no_answer_and_leaks_no_process_descriptor_or_thread() {
    let (functions, streaming) = (serving("functions"), serving("streaming"));
    // Functions have a `/tmp` of their own, and are to see these files.
    let scratch = tempfile::tempdir_in(Project::target_directory()).unwrap();
    let soak = Soak {
        functions: service(&functions),
        streaming: service(&streaming),
        invocations: INVOCATIONS,
        callers: 4,
        scratch: scratch.path().to_owned(),
    };
    let outcome = soak.run(&|_| {});
    assert_eq!(outcome.problems, Vec::<String>::new(), "{outcome:?}");
    assert_eq!(outcome.right.values().sum::<u64>(), INVOCATIONS);
    for kind in Kind::ALL {
        assert!(outcome.right.contains_key(&kind), "{kind:?}");
    }
}
