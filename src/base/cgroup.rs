//! The memory limit of the control group that this process is in, of version 1 or 2.
//!
//! A group's limit binds all below it, so what counts is the smallest among the process's own group
//! and its ancestors, as far as they can be seen: a container usually sees its own only.
//!
//! Invariant: text in, paths and figures out; only [`Group::own`] and [`Group::limit`] read files.

use std::fs;
use std::path::{Path, PathBuf};

/// Above this a limit is none: version 1 writes "no limit" as the largest number of whole pages.
const LIMIT_BYTES_MAX: u64 = 1 << 62;

/// Which interface the kernel shows the group by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// A hierarchy of its own for the memory controller.
    V1,
    /// One hierarchy for all.
    V2,
}

impl Version {
    /// 1 or 2.
    pub fn number(self) -> u8 {
        match self {
            Version::V1 => 1,
            Version::V2 => 2,
        }
    }

    /// The files of a group that limit its memory. What exceeds `memory.high` is not killed, but
    /// slowed down until it does not.
    fn files(self) -> &'static [&'static str] {
        match self {
            Version::V1 => &["memory.limit_in_bytes"],
            Version::V2 => &["memory.max", "memory.high"],
        }
    }
}

/// A process's place in the hierarchy that limits memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    pub version: Version,
    /// Its own folder first, then the ancestors'.
    folders: Vec<PathBuf>,
}

impl Group {
    /// The group of this process; none where the kernel has no such groups or does not show them.
    pub fn own() -> Option<Group> {
        let read = |name| fs::read_to_string(Path::new("/proc/self").join(name));
        Group::find(&read("cgroup").ok()?, &read("mountinfo").ok()?)
    }

    /// The group that /proc/PID/cgroup and /proc/PID/mountinfo tell of.
    pub fn find(cgroup: &str, mountinfo: &str) -> Option<Group> {
        // Where both versions are mounted, memory belongs to the one that names it.
        place(cgroup, mountinfo, Version::V1).or_else(|| place(cgroup, mountinfo, Version::V2))
    }

    /// The files that a change of the limit shows in. Not all of them need exist.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let names = self.version.files();
        self.folders.iter().flat_map(move |folder| names.iter().map(|name| folder.join(name)))
    }

    /// The limit in bytes, as it is now.
    pub fn limit(&self) -> Option<u64> {
        self.limit_by(|path| fs::read_to_string(path).ok())
    }

    fn limit_by(&self, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
        self.files().filter_map(|path| parse_limit(&read(&path)?)).min()
    }
}

/// The bytes that a limit's file states; none for `max` and for what no machine has.
fn parse_limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < LIMIT_BYTES_MAX)
}

fn place(cgroup: &str, mountinfo: &str, version: Version) -> Option<Group> {
    let path = cgroup.lines().find_map(|line| group_path(line, version))?;
    let mounts: Vec<Mount> =
        mountinfo.lines().filter_map(Mount::parse).filter(|mount| mount.limits(version)).collect();
    // The mount that shows most of the ancestors. Without one that shows the group itself, a mount
    // shows as its root the nearest group there is to see.
    let around = mounts.iter().filter_map(|mount| Some((mount, mount.relative(path)?)));
    let (mount, below) = around
        .min_by_key(|(mount, _)| mount.root.len())
        .or_else(|| mounts.first().map(|mount| (mount, "")))?;
    let top = Path::new(&mount.point);
    let own = top.join(below);
    let folders =
        own.ancestors().take_while(|folder| folder.starts_with(top)).map(Path::to_owned).collect();
    Some(Group { version, folders })
}

/// The path of the group in a line of /proc/PID/cgroup, `ID:CONTROLLERS:PATH`, if it is the
/// version's.
fn group_path(line: &str, version: Version) -> Option<&str> {
    let (id, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let is_it = match version {
        Version::V1 => controllers.split(',').any(|name| name == "memory"),
        Version::V2 => id == "0" && controllers.is_empty(),
    };
    is_it.then_some(path)
}

/// A line of /proc/PID/mountinfo.
struct Mount<'a> {
    /// The folder of the file system that is mounted.
    root: String,
    /// Where.
    point: String,
    kind: &'a str,
    /// Options of the file system: for version 1 its controllers.
    options: &'a str,
}

impl Mount<'_> {
    fn parse(line: &str) -> Option<Mount<'_>> {
        // Optional fields follow the fixed ones; a dash ends them.
        let (mount, system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let mut system = system.split(' ');
        Some(Mount {
            root: unescape(mount.next()?),
            point: unescape(mount.next()?),
            kind: system.next()?,
            options: system.nth(1)?,
        })
    }

    fn limits(&self, version: Version) -> bool {
        match version {
            Version::V1 => self.kind == "cgroup" && self.options.split(',').any(|o| o == "memory"),
            Version::V2 => self.kind == "cgroup2",
        }
    }

    /// A group's path below the root of this mount; none if it is elsewhere.
    fn relative<'p>(&self, path: &'p str) -> Option<&'p str> {
        if path.split('/').any(|name| name == "..") {
            return None;
        }
        let below = path.strip_prefix(self.root.trim_end_matches('/'))?;
        if below.is_empty() { Some(below) } else { below.strip_prefix('/') }
    }
}

/// Undoes the kernel's octal escapes of blanks and backslashes.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain.push_str(&part[3..]);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Compares the folders, own first, and the limit among `files`.
    fn check(
        (cgroup, mountinfo): (&str, &str),
        version: Version,
        folders: &[&str],
        files: &[(&str, &str)],
        limit: Option<u64>,
    ) {
        let group = Group::find(cgroup, mountinfo).expect("a group");
        assert_eq!(group.version, version);
        let expected: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
        assert_eq!(group.folders, expected);
        let read = |path: &Path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path)?;
            Some(format!("{}\n", file.1))
        };
        assert_eq!(group.limit_by(read), limit);
    }

    /// A host of version 1, as systemd before 250 mounts it by default.
    const HYBRID: &str = "\
22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
30 22 0:25 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,size=4096k,mode=755
31 30 0:26 / /sys/fs/cgroup/unified rw,nosuid,nodev,noexec,relatime shared:10 - cgroup2 cgroup2 rw,nsdelegate
32 30 0:27 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:11 - cgroup cgroup rw,xattr,name=systemd
38 30 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:18 - cgroup cgroup rw,cpu,cpuacct
40 30 0:35 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:20 - cgroup cgroup rw,memory
";

    #[test]
    fn a_service_of_a_hybrid_host_has_its_memory_in_version_1() {
        let cgroup = "11:cpu,cpuacct:/system.slice/sidering.service\n\
                      6:memory:/system.slice/sidering.service\n\
                      1:name=systemd:/system.slice/sidering.service\n\
                      0::/system.slice/sidering.service\n";
        let files = [
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712"),
            ("/sys/fs/cgroup/memory/system.slice/memory.limit_in_bytes", "9223372036854771712"),
            (
                "/sys/fs/cgroup/memory/system.slice/sidering.service/memory.limit_in_bytes",
                "134217728",
            ),
        ];
        let folders = [
            "/sys/fs/cgroup/memory/system.slice/sidering.service",
            "/sys/fs/cgroup/memory/system.slice",
            "/sys/fs/cgroup/memory",
        ];
        check((cgroup, HYBRID), Version::V1, &folders, &files, Some(128 * MIB));
        check((cgroup, HYBRID), Version::V1, &folders, &files[..2], None);
    }

    #[test]
    fn ancestors_bind_as_well() {
        let cgroup = "6:memory:/a/b/c\n0::/\n";
        let folders = ["a/b/c", "a/b", "a", ""].map(|name| format!("/sys/fs/cgroup/memory/{name}"));
        let folders: Vec<&str> = folders.iter().map(|name| name.trim_end_matches('/')).collect();
        let files = [
            ("/sys/fs/cgroup/memory/a/b/c/memory.limit_in_bytes", "536870912"),
            ("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "268435456"),
        ];
        check((cgroup, HYBRID), Version::V1, &folders, &files, Some(256 * MIB));
    }

    /// Docker on a host of version 1: the path is the host's, and the mount shows the part of the
    /// hierarchy that begins there.
    #[test]
    fn a_container_of_version_1_sees_its_own_group() {
        let id = "3f1c6e0a5d0c4f0d9bb1b5c9f2d0b57f6a2f2c27d7ad16b5d7bbf1d0c2a4e9e1";
        let cgroup = format!("12:pids:/docker/{id}\n9:memory:/docker/{id}\n0::/docker/{id}\n");
        let mountinfo = format!(
            "1258 1253 0:63 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755\n\
             1266 1258 0:35 /docker/{id} /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime \
             master:16 - cgroup cgroup rw,memory\n"
        );
        let files = [("/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728")];
        let folders = ["/sys/fs/cgroup/memory"];
        check((&cgroup, &mountinfo), Version::V1, &folders, &files, Some(128 * MIB));
    }

    #[test]
    fn a_pod_of_version_1_sees_the_container_s_group() {
        let path = "/kubepods/burstable/pod5c1e3a52-7b1f-4f4c-8f0e-0a6a3c1f7d2b/8d1b7c";
        let cgroup = format!("4:cpuset:{path}\n3:memory,hugetlb:{path}\n");
        let mountinfo = format!(
            "2101 2096 0:31 {path} /sys/fs/cgroup/memory ro,relatime master:11 - cgroup cgroup rw,memory,hugetlb\n"
        );
        let files = [("/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456")];
        let folders = ["/sys/fs/cgroup/memory"];
        check((&cgroup, &mountinfo), Version::V1, &folders, &files, Some(256 * MIB));
    }

    /// Docker and Kubernetes of version 2 give a container a namespace in which its group is the
    /// root.
    #[test]
    fn a_container_of_version_2_is_its_own_root() {
        let mountinfo = "\
1103 1102 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot
";
        let files =
            |max, high| [("/sys/fs/cgroup/memory.max", max), ("/sys/fs/cgroup/memory.high", high)];
        for (max, high, limit) in [
            ("134217728", "max", Some(128 * MIB)),
            ("134217728", "104857600", Some(100 * MIB)),
            ("max", "104857600", Some(100 * MIB)),
            ("max", "max", None),
            ("0", "max", Some(0)),
        ] {
            let text = ("0::/\n", mountinfo);
            check(text, Version::V2, &["/sys/fs/cgroup"], &files(max, high), limit);
        }
    }

    #[test]
    fn a_service_of_version_2_is_bound_by_its_slice() {
        let mountinfo = "\
29 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
";
        let files = [
            ("/sys/fs/cgroup/system.slice/sidering.service/memory.max", "max"),
            ("/sys/fs/cgroup/system.slice/sidering.service/memory.high", "max"),
            ("/sys/fs/cgroup/system.slice/memory.max", "1073741824"),
            ("/sys/fs/cgroup/system.slice/memory.high", "max"),
        ];
        let folders = [
            "/sys/fs/cgroup/system.slice/sidering.service",
            "/sys/fs/cgroup/system.slice",
            "/sys/fs/cgroup",
        ];
        let cgroup = "0::/system.slice/sidering.service\n";
        check((cgroup, mountinfo), Version::V2, &folders, &files, Some(1024 * MIB));
    }

    /// A group outside the namespace's root, and a mount that begins elsewhere: the mount's own
    /// root is the nearest group there is to see.
    #[test]
    fn what_cannot_be_seen_is_left_out() {
        let mountinfo = "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let files = [("/sys/fs/cgroup/memory.max", "1048576")];
        let text = ("0::/../other\n", mountinfo);
        check(text, Version::V2, &["/sys/fs/cgroup"], &files, Some(MIB));
        let mountinfo = "29 23 0:26 /a/b /mnt/g rw - cgroup2 cgroup2 rw\n";
        check(("0::/a/bc\n", mountinfo), Version::V2, &["/mnt/g"], &files, None);
        check(("0::/a/b/c\n", mountinfo), Version::V2, &["/mnt/g/c", "/mnt/g"], &files, None);
    }

    #[test]
    fn of_several_mounts_the_one_that_shows_most_is_read() {
        let mountinfo = "\
40 23 0:26 /a/b /container rw - cgroup2 cgroup2 rw
41 23 0:26 / /sys/fs/with\\040blank rw shared:3 master:4 - cgroup2 cgroup2 rw
";
        let folders = ["/sys/fs/with blank/a/b", "/sys/fs/with blank/a", "/sys/fs/with blank"];
        check(("0::/a/b\n", mountinfo), Version::V2, &folders, &[], None);
    }

    #[test]
    fn without_groups_there_is_no_limit() {
        assert_eq!(Group::find("", HYBRID), None);
        assert_eq!(Group::find("0::/\n", "22 28 0:21 / /proc rw - proc proc rw\n"), None);
        assert_eq!(Group::find("no colon\n3:cpu:/\n", "nonsense - \n\n"), None);
    }

    #[test]
    fn escapes_of_the_kernel_are_undone() {
        assert_eq!(unescape("/a\\040b\\134c\\011"), "/a b\\c\t");
        assert_eq!(unescape("plain\\x\\9"), "plain\\x\\9");
    }
}
