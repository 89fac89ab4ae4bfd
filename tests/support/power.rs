//! A file system of one test whose power can be cut: ext4 in a sparse file, on a loop device.
//!
//! The kernel's own switch (`EXT4_IOC_SHUTDOWN` without a flush of the journal) makes everything fail
//! from one moment on and forgets what was not durable by then, as a power cut does.
//!
//! Invariant: the switch is thrown on a descriptor that was found to be on the loop device of this very
//! disk, and nothing stays mounted, whatever happens to the test.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::skipped;

/// Of the image, which takes only what is written to it.
const DISK_BYTES: u64 = 512 << 20;
/// The kernel's number of loop devices.
const LOOP_MAJOR: u32 = 7;
/// `EXT4_IOC_SHUTDOWN`, from fs/ext4/ext4.h.
const SHUTDOWN: libc::Ioctl = 0x8004_587d_u32 as libc::Ioctl;
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`: what the journal has not committed is lost.
const WITHOUT_FLUSH: u32 = 2;
/// A process that was killed lets go of its files a little later.
const UNMOUNT_TRIES: u32 = 4000;
const UNMOUNT_PAUSE: Duration = Duration::from_millis(5);

static MADE: AtomicU32 = AtomicU32::new(0);

/// A mounted file system, gone with the test. Servers in it must go first.
pub struct Disk {
    folder: PathBuf,
    /// None until there is one.
    device: Option<PathBuf>,
}

impl Disk {
    /// Makes and mounts one; where that cannot be done, says so on the terminal and returns none.
    pub fn create() -> Option<Disk> {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("sidering-disk-{}-{number}", std::process::id());
        let mut disk = Disk { folder: home().join(name), device: None };
        fs::create_dir_all(disk.path()).expect("a scratch directory");
        match disk.make() {
            Ok(()) => Some(disk),
            Err(reason) => {
                skipped(&format!("no file system to cut the power of: {reason}"));
                None
            }
        }
    }

    fn make(&mut self) -> Result<(), String> {
        let image = File::create(self.image()).and_then(|file| file.set_len(DISK_BYTES));
        image.map_err(|error| error.to_string())?;
        let device = run("losetup", &["--find", "--show", text(&self.image())])?;
        self.device = Some(device.into());
        // With all of its tables, which the kernel would otherwise write in the background.
        let whole = "lazy_itable_init=0,lazy_journal_init=0";
        run("mkfs.ext4", &["-q", "-F", "-N", "1024", "-E", whole, text(self.device())])?;
        self.mount()
    }

    /// The directory that it is mounted on.
    pub fn path(&self) -> PathBuf {
        self.folder.join("mount")
    }

    fn image(&self) -> PathBuf {
        self.folder.join("image")
    }

    fn device(&self) -> &Path {
        self.device.as_deref().expect("a disk that was made")
    }

    fn mount(&self) -> Result<(), String> {
        run("mount", &["-t", "ext4", text(self.device()), text(&self.path())]).map(drop)
    }

    /// Cuts the power: from here on everything fails, and what is not durable is lost.
    ///
    /// # Panics
    /// When the guard objects, or the kernel.
    pub fn cut(&self) {
        let doomed = Doomed::vet(&self.path(), self.device()).expect("a loop mount of its own");
        doomed.shut_down();
    }

    /// Switches the power on again. Nothing runs in it any more.
    pub fn revive(&self) {
        self.unmount().expect("nobody uses it");
        self.mount().expect("what was mounted before");
    }

    fn unmount(&self) -> Result<(), String> {
        for _ in 0..UNMOUNT_TRIES {
            match run("umount", &[text(&self.path())]) {
                Err(reason) if !reason.contains("not mounted") => sleep(UNMOUNT_PAUSE),
                _ => return Ok(()),
            }
        }
        Err(format!("{} stays busy", self.path().display()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let path = self.path();
        if let Some(device) = &self.device {
            if self.unmount().is_err() {
                let _ = run("umount", &["--lazy", text(&path)]);
            }
            let _ = run("losetup", &["--detach", text(device)]);
        }
        // One by one: were it still mounted, its content would be left alone.
        let _ = fs::remove_file(self.image());
        let _ = fs::remove_dir(path);
        let _ = fs::remove_dir(&self.folder);
    }
}

/// A directory whose file system may be shut down.
#[derive(Debug)]
struct Doomed(File);

impl Doomed {
    /// The guard: opens `mount`, and refuses unless it is where `device` is mounted, which is a loop
    /// device and not what the system lives on. Everything is asked of the descriptor that will be
    /// used.
    fn vet(mount: &Path, device: &Path) -> Result<Doomed, String> {
        let refuse = |reason: &str| Err(format!("{}: {reason}", mount.display()));
        let directory = File::open(mount).map_err(|error| error.to_string())?;
        let number = directory.metadata().map_err(|error| error.to_string())?.dev();
        let root = fs::metadata("/").map_err(|error| error.to_string())?.dev();
        if number == root {
            return refuse("on the root file system");
        }
        if rustix::fs::major(number) != LOOP_MAJOR {
            return refuse("not on a loop device");
        }
        if fs::metadata(device).map_err(|error| error.to_string())?.rdev() != number {
            return refuse("on another device");
        }
        let source = run("findmnt", &["-n", "-o", "SOURCE", "--mountpoint", text(mount)])?;
        if Path::new(&source) != device {
            return refuse("mounted from somewhere else");
        }
        Ok(Doomed(directory))
    }

    fn shut_down(self) {
        // SAFETY: the descriptor is open, and the kernel reads four bytes that live on this stack.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), SHUTDOWN, &WITHOUT_FLUSH) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
}

/// Where images are: `DISKS`, by default in memory where there is room, so that times are those of the
/// server and not of a disk that others use as well.
fn home() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |facts| facts.f_bavail * facts.f_frsize);
    match std::env::var_os("DISKS") {
        Some(folder) => folder.into(),
        None if free > 2 * DISK_BYTES => memory.into(),
        None => std::env::temp_dir(),
    }
}

fn is_mounted(path: &Path) -> bool {
    run("findmnt", &["-n", "--mountpoint", text(path)]).is_ok()
}

/// Runs a program to its end; what it says, or why it failed.
fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(args).env("LC_ALL", "C").output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(said(&output.stdout))
    } else {
        Err(format!("{program}: {}", said(&output.stderr)))
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

/// Asks the guard alone: no test throws the switch where it might object.
#[test]
fn the_guard_refuses_whatever_is_no_loop_mount_of_its_own() {
    let refused =
        |mount: &Path, device: &Path| Doomed::vet(mount, device).expect_err("not to be shut down");
    let of_root = PathBuf::from(run("findmnt", &["-n", "-o", "SOURCE", "/"]).expect("a root"));
    let nowhere = Path::new("/dev/loop0");
    for device in [nowhere, &of_root] {
        assert!(refused(Path::new("/"), device).ends_with("on the root file system"));
        assert!(refused(Path::new("/proc"), device).ends_with("not on a loop device"));
    }
    let temporary = std::env::temp_dir();
    refused(&temporary, nowhere);
    refused(Path::new("/no/such/directory"), nowhere);
    if run("findmnt", &["-n", "-t", "tmpfs", "--mountpoint", "/dev/shm"]).is_ok() {
        assert!(refused(Path::new("/dev/shm"), nowhere).ends_with("not on a loop device"));
    }
    let (Some(disk), Some(other)) = (Disk::create(), Disk::create()) else { return };
    assert!(refused(&disk.path(), other.device()).ends_with("on another device"));
    let below = disk.path().join("lost+found");
    assert!(refused(&below, disk.device()).starts_with("findmnt"));
    assert!(Doomed::vet(&disk.path(), disk.device()).is_ok());
    disk.unmount().expect("nobody uses it");
    refused(&disk.path(), disk.device());
}

#[test]
fn a_disk_leaves_nothing_behind_when_its_test_panics() {
    let Some(disk) = Disk::create() else { return };
    let (path, folder) = (disk.path(), disk.folder.clone());
    fs::write(path.join("file"), "content").expect("a file");
    let panicked = std::panic::catch_unwind(move || {
        let _disk = disk;
        std::panic::resume_unwind(Box::new("a test that fails"));
    });
    assert!(panicked.is_err() && !is_mounted(&path) && !folder.exists());
}

#[test]
fn what_was_not_synced_is_lost_with_the_power_and_the_rest_is_not() {
    let Some(disk) = Disk::create() else { return };
    let (kept, lost) = (disk.path().join("kept"), disk.path().join("lost"));
    fs::write(&kept, "old").expect("a file");
    File::open(&kept).and_then(|file| file.sync_all()).expect("synced");
    File::open(disk.path()).and_then(|folder| folder.sync_all()).expect("synced");
    fs::write(&lost, "new").expect("a file");
    disk.cut();
    assert!(fs::write(disk.path().join("late"), "never").is_err());
    disk.revive();
    assert_eq!(fs::read_to_string(&kept).expect("the file"), "old");
    assert!(!lost.exists());
}
