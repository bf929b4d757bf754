//! One stack's directory, `target/stack/<instance>`: data that goes with the stack, logs that stay a while.
//!
//! The keeper holds a lock on a file in it. Whoever finds a directory whose lock is free knows that its
//! keeper is gone, however it ended, and clears up after it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::place;

/// Directories of ended stacks that are kept for their logs; older ones are removed.
const KEPT: usize = 8;
/// Looks at a lock that is held before it counts as taken.
const LOOKS: u32 = 5;
/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// The file whose lock the keeper holds.
pub(crate) const LOCK: &str = "lock";
const DATA: &str = "data";
const LOGS: &str = "logs";

/// The directory of a stack that this process owns.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    instance: String,
    _lock: File,
}

impl Home {
    /// Makes the directory of a new stack, after clearing up after stacks that are gone.
    pub(crate) fn create(name: &str) -> Result<Self> {
        let stacks = place::stack_dir();
        fs::create_dir_all(&stacks).with_context(|| format!("making {}", stacks.display()))?;
        clear_up(&stacks);
        let instance = format!("{}{}", prefix(name), std::process::id());
        let path = stacks.join(&instance);
        fs::create_dir_all(path.join(LOGS)).with_context(|| format!("making {}", path.display()))?;
        let lock = File::create(path.join(LOCK)).context("making the stack's lock file")?;
        // At most until somebody who looks whether it is free has looked.
        lock.lock().context("locking the stack's directory")?;
        // A process id comes round again; what its last owner left is of no use.
        remove_data(&path);
        fs::create_dir_all(path.join(DATA)).context("making the stack's data directory")?;
        Ok(Self {
            path,
            instance,
            _lock: lock,
        })
    }

    /// A name that no other running stack of this machine bears.
    pub(crate) fn instance(&self) -> &str {
        &self.instance
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of everybody's logs.
    pub(crate) fn logs(&self) -> PathBuf {
        self.path.join(LOGS)
    }

    /// The log file of one part.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// A new directory that goes with the stack.
    pub(crate) fn data(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(DATA).join(name);
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(path)
    }

    /// Where a link to a directory elsewhere goes, so that it is cleared up like one of ours.
    pub(crate) fn data_link(&self, name: &str) -> PathBuf {
        self.path.join(DATA).join(name)
    }

    /// Removes everything but the logs.
    pub(crate) fn remove_data(&self) {
        remove_data(&self.path);
    }
}

fn prefix(name: &str) -> String {
    format!("topup-{name}-")
}

/// Whether a directory's name is that of a stack called `name`.
pub(crate) fn is_named(directory: &OsStr, name: &str) -> bool {
    directory
        .to_str()
        .and_then(|directory| directory.strip_prefix(&prefix(name)))
        .is_some_and(is_number)
}

fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

/// Best effort: what cannot be removed now is tried again by the next stack.
fn remove_data(home: &Path) {
    let data = home.join(DATA);
    for entry in fs::read_dir(&data).into_iter().flatten().flatten() {
        if let Ok(target) = fs::read_link(entry.path()) {
            let _ = fs::remove_dir_all(target);
        }
    }
    let _ = fs::remove_dir_all(data);
}

fn clear_up(stacks: &Path) {
    let mut ended: Vec<(std::time::SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(stacks).into_iter().flatten().flatten() {
        let Ok(lock) = File::open(entry.path().join(LOCK)) else {
            continue;
        };
        // Held while removing: its keeper may be about to start.
        if lock.try_lock().is_ok() {
            remove_data(&entry.path());
            let modified = lock.metadata().and_then(|metadata| metadata.modified());
            ended.push((modified.unwrap_or(std::time::UNIX_EPOCH), entry.path()));
        }
    }
    ended.sort();
    for (_, path) in ended.iter().rev().skip(KEPT) {
        let _ = fs::remove_dir_all(path);
    }
}

/// Whether `home` is a stack's directory that no keeper holds any longer. One that is not there may be
/// somebody else's, on another machine.
pub(crate) fn is_ended(home: &Path) -> bool {
    File::open(home.join(LOCK)).is_ok_and(|lock| is_free(&lock))
}

/// Whether nobody holds a lock; a lock of ours is let go at once.
pub(crate) fn is_free(file: &File) -> bool {
    file.try_lock().is_ok() && file.unlock().is_ok()
}

/// A lock file that one process at a time may hold, for example while it owns `cargo up`'s stack.
#[derive(Debug)]
pub(crate) struct Sole {
    _file: File,
}

impl Sole {
    /// Takes the lock at `path` and writes this process's id into it; `None` where somebody has it.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        for _ in 0..LOOKS {
            match file.try_lock() {
                Ok(()) => {
                    fs::write(path, std::process::id().to_string())?;
                    return Ok(Some(Self { _file: file }));
                }
                // Perhaps only by somebody who looks whether it is free.
                Err(fs::TryLockError::WouldBlock) => thread::sleep(LOOK_PAUSE),
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The id of the process that holds the lock at `path`, if one does.
    pub(crate) fn holder(path: &Path) -> Option<i32> {
        let file = File::open(path).ok()?;
        if is_free(&file) {
            return None;
        }
        fs::read_to_string(path).ok()?.trim().parse().ok()
    }
}
