//! Follows the memory limit of the process's control group.
//!
//! Invariant: nothing wakes an idle server for it. Where the kernel tells of a change the server
//! waits to be told; elsewhere it looks once in a while, but only when it is awake anyway.

use super::{LIMIT, Turn};
use crate::base::alloc;
use crate::base::cgroup::Group;
use crate::base::sys;
use crate::base::watch::FileWatch;
use crate::command::{ControlGroup, MemoryLimit};
use crate::io::{Driver, Op};
use std::os::fd::AsRawFd;

/// Least time between two looks at limits that nobody tells of.
const LOOK_MS: i64 = 1000;

/// Where the limit stands, and how a change of it is learned.
pub struct LimitSource {
    group: Option<Group>,
    events: Option<FileWatch>,
    /// Unix time in milliseconds of the next look, where there are no events.
    next_look_ms: i64,
}

impl LimitSource {
    /// Finds the process's group and watches its limits.
    pub fn open(driver: &mut Driver) -> LimitSource {
        let group = Group::own();
        // Without events there is the look once in a while.
        let events = group.as_ref().and_then(|group| FileWatch::open(group.files()).ok());
        if let Some(events) = &events {
            driver.submit(Op::Watch { watch: LIMIT, fd: events.as_raw_fd() });
        }
        LimitSource { group, events, next_look_ms: 0 }
    }

    /// What the limits are now.
    pub fn read(&self) -> MemoryLimit {
        let control =
            |group: &Group| ControlGroup { version: group.version.number(), limit: group.limit() };
        MemoryLimit::of(sys::total_memory(), self.group.as_ref().map(control))
    }
}

impl Turn<'_> {
    /// The kernel told of a write to one of the limits.
    pub(super) fn limit_told(&mut self) {
        if self.works.limits.events.as_ref().is_some_and(FileWatch::take) {
            self.state.follow_limit(self.works.limits.read());
        }
    }

    /// Looks at what nobody tells of: how large the process is, and limits without events.
    pub(super) fn look_at_memory(&mut self, now_ms: i64) {
        let resident = sys::resident_bytes();
        if alloc::follow_resident(resident) {
            self.state.keyspace.gather();
        }
        let limits = &mut self.works.limits;
        if limits.group.is_none() {
            return;
        }
        if limits.events.is_none() && now_ms >= limits.next_look_ms {
            limits.next_look_ms = now_ms + LOOK_MS;
            self.state.follow_limit(limits.read());
        }
        if self.state.maxmemory() > 0 && self.state.memory_limit.granted().is_some() {
            self.state.watch_resident(resident);
        }
    }
}
