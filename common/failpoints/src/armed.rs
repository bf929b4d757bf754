//! What a failpoint does; compiled with debug assertions only.

use super::{Failpoint, Misspelt, Point, VARIABLE};
use rustix::process::{Signal, getpid, kill_process};
use std::env;
use std::io::{Write as _, stderr};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::park;

/// Read once: the environment of a process is what it was started with.
static TOLD: OnceLock<Result<Option<Failpoint>, Misspelt>> = OnceLock::new();
/// How often the point was reached.
static REACHED: AtomicU32 = AtomicU32::new(0);

pub(super) fn told() -> Result<Option<Failpoint>, Misspelt> {
    TOLD.get_or_init(|| {
        let told = env::var_os(VARIABLE).map(|text| text.to_string_lossy().parse());
        told.transpose()
    })
    .clone()
}

pub(super) fn reach(point: Point) {
    let Ok(Some(failpoint)) = told() else { return };
    if failpoint.point == point && REACHED.fetch_add(1, Ordering::SeqCst) + 1 == failpoint.time {
        die(failpoint);
    }
}

/// Ends the process, and returns to nobody.
fn die(failpoint: Failpoint) -> ! {
    let _unheard = writeln!(stderr(), "killed at the failpoint {failpoint}");
    let _signalled = kill_process(getpid(), Signal::KILL);
    // Other threads may run for a moment; this one has got to its end.
    loop {
        park();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    /// What the child of the test below does; on its own, nothing.
    #[test]
    fn gets_to_two_points_twice_each() {
        for _twice in 0..2 {
            super::super::reach(Point::Published);
            super::super::reach(Point::Confirmed);
        }
    }

    #[test]
    fn a_process_is_killed_at_the_point_and_time_that_it_was_told() {
        const SIGKILL: i32 = 9;
        for (told, signal) in [
            (None, None),
            (Some("received"), None),
            (Some("confirmed"), Some(SIGKILL)),
            (Some("confirmed=2"), Some(SIGKILL)),
            (Some("confirmed=3"), None),
        ] {
            let mut child = Command::new(env::current_exe().expect("this test's own program"));
            child.args(["--exact", "armed::tests::gets_to_two_points_twice_each"]);
            child.env_remove(VARIABLE).envs(told.map(|told| (VARIABLE, told)));
            let output = child.output().expect("the program runs again");
            assert_eq!(output.status.signal(), signal, "{told:?}");
            assert_eq!(output.status.success(), signal.is_none(), "{told:?}");
        }
    }
}
