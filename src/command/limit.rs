//! The memory limit in force: what `maxmemory` amounts to, given the memory there is.
//!
//! Invariant: reads no files. The server tells how much memory there is, at the start and when
//! that changes.

use super::server::info::human;
use super::state::State;
use crate::config::Maxmemory;

/// Of the control group's limit, resident memory may fill all but one part in so many.
const SPARE_PART: u64 = 32;
/// At most one part in so many of `maxmemory` is withheld.
const WITHHELD_PART: u64 = 4;
/// What is withheld grows by a part of the excess and shrinks by a part of itself, so that it
/// settles where the excess ends instead of swinging.
const GROWTH_PART: u64 = 8;
const DECAY_PART: u64 = 64;

/// The memory there is and the limit that follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryLimit {
    /// Bytes of memory in the machine.
    pub machine: u64,
    /// The control group that bounds this process, if it is known.
    pub group: Option<ControlGroup>,
    /// Bytes that data may take; 0 is no limit.
    effective: u64,
    /// Bytes less than that, for now, because the process itself nears the group's limit.
    withheld: u64,
}

/// A control group's bound on memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlGroup {
    /// 1 or 2.
    pub version: u8,
    /// Bytes, the smallest limit of the group and its visible ancestors; none if they have none.
    pub limit: Option<u64>,
}

impl MemoryLimit {
    /// The memory there is; what follows from it is not worked out yet.
    pub fn of(machine: u64, group: Option<ControlGroup>) -> MemoryLimit {
        MemoryLimit { machine, group, ..MemoryLimit::default() }
    }

    /// Bytes that `maxmemory` amounts to; 0 is no limit.
    pub fn effective(&self) -> u64 {
        self.effective
    }

    /// Bytes that are withheld from it.
    pub fn withheld(&self) -> u64 {
        self.withheld
    }

    /// Bytes to withhold now that so many are resident.
    ///
    /// The allocator holds more than it handed out, most with few and large values of many sizes.
    /// Where that excess would have the process killed, data makes room for it.
    fn withholding(&self, resident: u64) -> u64 {
        let Some(limit) = self.granted().filter(|_| self.effective > 0) else { return 0 };
        let ceiling = limit - limit / SPARE_PART;
        match resident.checked_sub(ceiling) {
            Some(excess) => {
                (self.withheld + excess / GROWTH_PART).min(self.effective / WITHHELD_PART)
            }
            None => self.withheld - self.withheld.div_ceil(DECAY_PART),
        }
    }

    /// Bytes that the control group grants; none without a limit.
    pub fn granted(&self) -> Option<u64> {
        self.group.and_then(|group| group.limit)
    }

    /// Bytes of memory that this process may use.
    pub fn available(&self) -> u64 {
        self.granted().map_or(self.machine, |limit| limit.min(self.machine))
    }

    /// The limit and where it comes from, for the log.
    fn describe(&self, maxmemory: Maxmemory) -> String {
        let data = match self.effective {
            0 => "unlimited".to_owned(),
            bytes => format!("{} ({})", human(bytes), maxmemory.source()),
        };
        let there = human(self.available());
        match self.group {
            Some(ControlGroup { version, limit: Some(_) }) => {
                format!(
                    "maxmemory is {data}, of {there} that the cgroup (version {version}) allows"
                )
            }
            _ => format!("maxmemory is {data}, of {there} that the machine has"),
        }
    }

    /// What is wrong with it, if something is: the kernel kills what outgrows its group.
    fn warning(&self) -> Option<String> {
        let limit = self.granted()?;
        let what = match self.effective {
            0 => "is not set".to_owned(),
            bytes if bytes > limit => format!("of {} is beyond it", human(bytes)),
            _ => return None,
        };
        Some(format!(
            "WARNING: the cgroup limits memory to {} and maxmemory {what}: the kernel will kill the \
             server when it gets there. 'maxmemory auto' stays within the limit.",
            human(limit)
        ))
    }
}

impl State {
    /// The memory limit in force, bytes; 0 is no limit.
    #[inline]
    pub fn maxmemory(&self) -> u64 {
        self.memory_limit.effective - self.memory_limit.withheld
    }

    /// Works the limit out anew for another `maxmemory`.
    pub fn apply_maxmemory(&mut self) {
        self.follow_limit(self.memory_limit);
    }

    /// Works the limit out anew for the memory there is now; a change is logged.
    pub fn follow_limit(&mut self, now: MemoryLimit) {
        let effective = self.config.maxmemory.effective(now.available());
        let limit = MemoryLimit { effective, withheld: 0, ..now };
        if limit == (MemoryLimit { withheld: 0, ..self.memory_limit }) {
            return;
        }
        self.memory_limit = limit;
        log::info!("{}", limit.describe(self.config.maxmemory));
        if let Some(warning) = limit.warning() {
            log::warn!("{warning}");
        }
        self.apply_client_limit();
    }

    /// Withholds part of `maxmemory` while resident memory, in bytes, nears the group's limit.
    pub fn watch_resident(&mut self, resident: u64) {
        let withheld = self.memory_limit.withholding(resident);
        if withheld > 0 && self.memory_limit.withheld == 0 {
            log::info!(
                "The process takes {} of the {} that its cgroup allows: data makes room for now",
                human(resident),
                human(self.memory_limit.granted().unwrap_or(0))
            );
        }
        self.memory_limit.withheld = withheld;
    }

    /// Lets parts of the server follow a configuration that was put in place as a whole.
    pub fn apply_config(&mut self) {
        self.apply_policy();
        self.apply_followers();
        self.apply_maxmemory();
        self.apply_client_limit();
        self.apply_durability();
        self.apply_disk_errors();
        self.apply_requirepass();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn limit(maxmemory: Maxmemory, group: Option<ControlGroup>) -> MemoryLimit {
        let limit = MemoryLimit::of(4096 * MIB, group);
        MemoryLimit { effective: maxmemory.effective(limit.available()), ..limit }
    }

    fn group(mib: u64) -> Option<ControlGroup> {
        Some(ControlGroup { version: 2, limit: Some(mib * MIB) })
    }

    #[test]
    fn the_group_s_limit_counts_where_it_is_the_smaller() {
        assert_eq!(limit(Maxmemory::Percent(50), group(128)).effective, 64 * MIB);
        assert_eq!(limit(Maxmemory::Percent(50), group(1 << 20)).effective, 2048 * MIB);
        assert_eq!(limit(Maxmemory::Percent(50), None).effective, 2048 * MIB);
        let unlimited = Some(ControlGroup { version: 1, limit: None });
        assert_eq!(limit(Maxmemory::Percent(50), unlimited).effective, 2048 * MIB);
    }

    #[test]
    fn data_makes_room_while_the_process_nears_the_group_s_limit() {
        let mut limit = limit(Maxmemory::Bytes(96 * MIB), group(128));
        let mut settle = |resident: u64, turns: usize| {
            (0..turns).for_each(|_| limit.withheld = limit.withholding(resident * MIB));
            limit.withheld
        };
        assert_eq!(settle(124, 100), 0);
        assert_eq!(settle(126, 4), MIB);
        assert_eq!(settle(128, 1000), 24 * MIB, "a quarter at most");
        assert!(settle(120, 64) < 12 * MIB);
        assert_eq!(settle(120, 2000), 0);
        let free = MemoryLimit { group: None, ..limit };
        assert_eq!(free.withholding(u64::MAX), 0);
        let unlimited = MemoryLimit { effective: 0, ..limit };
        assert_eq!(unlimited.withholding(u64::MAX), 0);
    }

    #[test]
    fn the_log_names_the_limit_and_its_source() {
        let text =
            |maxmemory, group: Option<ControlGroup>| limit(maxmemory, group).describe(maxmemory);
        assert_eq!(
            text(Maxmemory::Auto, group(128)),
            "maxmemory is 100.00M (auto), of 128.00M that the cgroup (version 2) allows"
        );
        assert_eq!(
            text(Maxmemory::Bytes(0), None),
            "maxmemory is unlimited, of 4.00G that the machine has"
        );
    }

    #[test]
    fn a_limit_that_the_kernel_will_not_grant_is_warned_of() {
        let warning = |maxmemory, group| limit(maxmemory, group).warning();
        assert_eq!(warning(Maxmemory::Bytes(128 * MIB), group(128)), None);
        assert_eq!(warning(Maxmemory::Bytes(0), None), None);
        assert_eq!(warning(Maxmemory::Auto, group(16)), None);
        let beyond = warning(Maxmemory::Bytes(129 * MIB), group(128)).expect("a warning");
        assert!(beyond.contains("to 128.00M and maxmemory of 129.00M is beyond it"), "{beyond}");
        let none = warning(Maxmemory::Bytes(0), group(128)).expect("a warning");
        assert!(none.contains("to 128.00M and maxmemory is not set"), "{none}");
    }
}
