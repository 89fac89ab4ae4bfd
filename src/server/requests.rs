//! What CONFIG SET changed, applied to the running server.

use super::Server;
use super::startup::level_filter;
use crate::base::{log as lines, sys};
use crate::keyspace::Policy;

impl Server {
    /// Makes changed parameters take effect. A change that cannot is logged: the parameter was
    /// checked when it was set, so this is the machine's refusal.
    pub(super) fn apply_config(&mut self, names: &[&'static str]) {
        for name in names {
            let applied = match *name {
                "port" | "bind" => self.rebind(),
                "maxclients" => self.apply_maxclients(),
                "loglevel" => {
                    lines::set_level(level_filter(self.state.config.loglevel));
                    Ok(())
                }
                "maxmemory-policy" | "lfu-log-factor" | "lfu-decay-time" => {
                    self.apply_policy();
                    Ok(())
                }
                _ => Ok(()),
            };
            if let Err(reason) = applied {
                log::warn!("CONFIG SET {name}: {reason}");
            }
        }
    }

    fn apply_maxclients(&mut self) -> Result<(), String> {
        self.state.config.maxclients = sys::adjust_open_files_limit(self.state.config.maxclients)?;
        Ok(())
    }

    /// The keyspace counts accesses as the eviction policy asks.
    pub(super) fn apply_policy(&mut self) {
        let config = &self.state.config;
        let policy = Policy {
            lfu: config.maxmemory_policy.is_lfu(),
            lfu_log_factor: config.lfu_log_factor,
            lfu_decay_time: config.lfu_decay_time,
            ..self.state.keyspace.policy()
        };
        self.state.keyspace.set_policy(policy);
    }
}
