//! MEMORY DOCTOR: what is unusual about the memory, and what to do about it.
//!
//! Invariant: only looks; every finding names its remedy.

use super::account::{Account, Beyond};
use crate::command::ctx::Ctx;
use crate::resp::errors::Outcome;

/// Below this there is nothing to judge, bytes.
const DATA_MIN: u64 = 5 * MIB;
/// What is not worth a word, bytes.
const EXCESS_MIN: i64 = 10 * MIB as i64;
/// Bytes that a client may take on average.
const CLIENT_MAX: u64 = 200 * 1024;
const MIB: u64 = 1024 * 1024;

/// MEMORY DOCTOR
pub fn memory_doctor(ctx: &mut Ctx) -> Outcome {
    let account = Account::take(ctx.state);
    let findings = Findings {
        clients: ctx.state.clients.len() as u64,
        maxmemory: ctx.state.maxmemory(),
        account,
    };
    ctx.reply.verbatim("txt", findings.report().as_bytes());
    Ok(())
}

struct Findings {
    account: Account,
    clients: u64,
    /// Bytes; 0 is no limit.
    maxmemory: u64,
}

impl Findings {
    fn report(&self) -> String {
        if self.account.used < DATA_MIN {
            return "Hi Sam, this instance is empty or is using very little memory: there is nothing to \
                    examine yet. Come back when it holds some data.\n"
                .into();
        }
        let found: Vec<&str> =
            self.all().into_iter().filter(|(is_so, _)| *is_so).map(|(_, text)| text).collect();
        if found.is_empty() {
            return "Hi Sam, I can't find any memory issue in your instance.\n".into();
        }
        let list: String = found.iter().map(|text| format!(" * {text}\n\n")).collect();
        format!("Sam, I detected a few issues in this instance:\n\n{list}")
    }

    fn all(&self) -> [(bool, &'static str); 5] {
        let account = &self.account;
        let exceeds = |beyond: Beyond, ratio| beyond.ratio > ratio && beyond.bytes > EXCESS_MIN;
        [
            (
                account.peak as f64 > account.used as f64 * 1.5,
                "Peak memory: this instance once used more than 150% of what it uses now. Freed \
                 memory goes back to the system, most of it at once; MEMORY PURGE returns what was \
                 kept for reuse.",
            ),
            (
                exceeds(account.fragmentation(), 1.1),
                "Fragmentation: pages of entries hold more than a tenth of free slots, because \
                 entries of other sizes were deleted than are written now. New entries of the old \
                 sizes fill them.",
            ),
            (
                exceeds(account.resident_beyond(), 1.4),
                "High RSS: the process is resident with far more than it uses, mostly after a \
                 peak of big values or buffers. MEMORY PURGE gives back what the allocator keeps.",
            ),
            (
                account.clients > CLIENT_MAX.saturating_mul(self.clients),
                "Big client buffers: clients take more than 200 KiB on average. They read too \
                 slowly, or send or ask for much at once; CLIENT LIST shows who (tot-mem, omem, \
                 qbuf). 'maxmemory-clients' and 'client-output-buffer-limit' bound it.",
            ),
            (
                self.maxmemory > 0 && account.overhead > self.maxmemory / 2,
                "Little room for data: more than half of maxmemory is taken by what is not data. \
                 Raise maxmemory, or look at clients and the number of small keys.",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(change: impl FnOnce(&mut Findings)) -> String {
        let account = Account {
            scripts: 0,
            functions: 0,
            used: 100 * MIB,
            active: 101 * MIB,
            resident: 104 * MIB,
            peak: 110 * MIB,
            startup: MIB,
            clients: MIB,
            log: 0,
            overhead: 10 * MIB,
            dataset: 90 * MIB,
            keys: 1000,
        };
        let mut findings = Findings { account, clients: 10, maxmemory: 0 };
        change(&mut findings);
        findings.report()
    }

    #[test]
    fn each_finding_has_its_cause() {
        assert!(report(|_| {}).contains("can't find any memory issue"));
        assert!(report(|f| f.account.used = MIB).contains("very little memory"));
        assert!(report(|f| f.account.peak = 151 * MIB).contains("* Peak memory"));
        assert!(report(|f| f.account.active = 112 * MIB).contains("* Fragmentation"));
        assert!(report(|f| f.account.resident = 145 * MIB).contains("* High RSS"));
        assert!(report(|f| f.account.clients = 3 * MIB).contains("* Big client buffers"));
        assert!(report(|f| f.maxmemory = 19 * MIB).contains("* Little room for data"));
        let both = report(|f| (f.account.peak, f.account.clients) = (200 * MIB, 3 * MIB));
        assert_eq!(both.matches(" * ").count(), 2);
    }
}
