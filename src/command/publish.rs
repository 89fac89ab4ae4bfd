//! What reaches clients that did not ask for it at that moment: published messages.
//!
//! A message joins the output of its recipients, behind the reply to what they have sent before;
//! one for the client in execution waits until that command has its reply (`dispatch`).
//!
//! Invariant: an encoding is made once, however many there are to receive it.

use super::state::{Outbox, State};
use crate::base::glob::glob_match;
use crate::resp::Broadcast;
use crate::session::pubsub::Kind;

impl State {
    /// Sends a message to all who listen to `channel`, be it by a pattern; returns how many
    /// receive it, those included that receive it several times.
    pub fn publish(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let direct = self.publish_to(Kind::Channel, "message", channel, message);
        direct + self.publish_to_patterns(channel, message)
    }

    /// Sends a message to all who listen to a shard channel.
    pub fn publish_to_shard(&mut self, channel: &[u8], message: &[u8]) -> usize {
        self.publish_to(Kind::Shard, "smessage", channel, message)
    }

    fn publish_to(&mut self, kind: Kind, form: &str, channel: &[u8], message: &[u8]) -> usize {
        let State { pubsub, clients, writable, client_memory, keyspace, .. } = self;
        let mut outbox =
            Outbox { clients, writable, memory: client_memory, group: keyspace.last_marked() };
        let mut message = Broadcast::new(|reply| {
            reply.push(3);
            reply.bulk(form.as_bytes());
            reply.bulk(channel);
            reply.bulk(message);
        });
        outbox.push_to_all(pubsub.topics(kind).subscribers(channel), &mut message)
    }

    fn publish_to_patterns(&mut self, channel: &[u8], message: &[u8]) -> usize {
        let State { pubsub, clients, writable, client_memory, keyspace, .. } = self;
        let mut outbox =
            Outbox { clients, writable, memory: client_memory, group: keyspace.last_marked() };
        let mut receivers = 0;
        for (pattern, subscribers) in pubsub.topics(Kind::Pattern).iter() {
            if !glob_match(pattern, channel, false) {
                continue;
            }
            let mut message = Broadcast::new(|reply| {
                reply.push(4);
                for part in [&b"pmessage"[..], pattern, channel, message] {
                    reply.bulk(part);
                }
            });
            receivers += outbox.push_to_all(subscribers, &mut message);
        }
        receivers
    }
}
