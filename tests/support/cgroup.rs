//! A control group of one test that limits memory, where this machine lets one be made.
//!
//! Invariant: moves no process; who is to live in the group goes there by itself.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static MADE: AtomicU32 = AtomicU32::new(0);

/// Where each version is mounted by custom, and its file of the limit.
const HIERARCHIES: [(u8, &str, &str); 2] =
    [(1, "/sys/fs/cgroup/memory", "memory.limit_in_bytes"), (2, "/sys/fs/cgroup", "memory.max")];

/// A group, gone with the test; those below it must go first.
pub struct ControlGroup {
    version: u8,
    folder: PathBuf,
    limit_file: &'static str,
    /// What processes are started by.
    launcher: &'static str,
}

/// Starts a program in a user namespace that may not use inotify.
const WITHOUT_INOTIFY: &str = "unshare --user --map-root-user sh -c \
     'echo 0 >/proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"'";

impl ControlGroup {
    /// Makes a group; without the right to, says so on the terminal and returns none.
    pub fn create() -> Option<ControlGroup> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("sidering-test-{}-{number}", std::process::id());
        let made = HIERARCHIES.into_iter().find_map(|(version, root, limit_file)| {
            ControlGroup::make(version, Path::new(root).join(&name), limit_file)
        });
        if made.is_none() {
            skipped("no memory control group can be made here (needs root)");
        }
        made
    }

    /// Denies inotify to those who are started in it from now on; none where that cannot be.
    pub fn without_inotify(mut self) -> Option<ControlGroup> {
        let test = format!("{WITHOUT_INOTIFY} true");
        let can = Command::new("sh").args(["-c", &test]).output().is_ok_and(|o| o.status.success());
        if !can {
            skipped("no user namespace can be made here");
            return None;
        }
        self.launcher = WITHOUT_INOTIFY;
        Some(self)
    }

    /// A group below this one.
    pub fn child(&self) -> ControlGroup {
        if self.version == 2 {
            let control = self.folder.join("cgroup.subtree_control");
            fs::write(control, "+memory").expect("its own group");
        }
        ControlGroup::make(self.version, self.folder.join("child"), self.limit_file)
            .expect("what can be made can be divided")
    }

    fn make(version: u8, folder: PathBuf, limit_file: &'static str) -> Option<ControlGroup> {
        fs::create_dir(&folder).ok()?;
        let group = ControlGroup { version, folder, limit_file, launcher: "" };
        // A folder that limits no memory is no use, and is taken away again.
        fs::exists(group.folder.join(limit_file)).ok()?.then_some(group)
    }

    /// 1 or 2.
    pub fn version(&self) -> u8 {
        self.version
    }

    pub fn set_limit(&self, bytes: u64) {
        fs::write(self.folder.join(self.limit_file), bytes.to_string()).expect("its own group");
    }

    /// Writes a script that runs `binary` in the group, with the script's arguments.
    pub fn runner(&self, binary: &Path) -> PathBuf {
        let script = self.script();
        let text = format!(
            "#!/bin/sh\necho $$ >{}/cgroup.procs && exec {} {} \"$@\"\n",
            self.folder.display(),
            self.launcher,
            binary.display()
        );
        fs::write(&script, text).expect("a scratch file");
        let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&script, runs).expect("a scratch file");
        script
    }

    fn script(&self) -> PathBuf {
        let name = self.folder.to_str().expect("a plain name").replace('/', "-");
        std::env::temp_dir().join(format!("run-in{name}"))
    }
}

/// Tells of a test that cannot run here.
pub fn skipped(reason: &str) {
    // Not by a macro: what a test that passes prints that way is not shown.
    let _ = std::io::stderr().write_all(format!("\nSKIPPED: {reason}\n").as_bytes());
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.script());
        // The kernel lets go of a process that has ended a little later.
        for _ in 0..500 {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                _ => return,
            }
        }
    }
}
