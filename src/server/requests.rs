//! What handlers ask of the server, served after the batch.

use super::{Turn, restore};
use crate::command::Request;
use crate::config::{Config, SetError};
use crate::resp::errors::LOAD_LOG;
use crate::resp::{Protocol, Reply};
use crate::session::{ClientFlags, ClientId};
use std::mem::{swap, take};

impl Turn<'_> {
    /// Serves all requests, those included that serving them brings about.
    pub(super) fn serve_requests(&mut self) {
        while !self.state.requests.is_empty() {
            for request in take(&mut self.state.requests) {
                self.serve_request(request);
            }
        }
    }

    pub(super) fn serve_request(&mut self, request: Request) {
        match request {
            Request::Close(id) => self.close(id),
            Request::ApplyAppendonly => self.apply_appendonly(),
            Request::Rebind { client, parameter, before } => self.rebind(client, parameter, before),
            Request::DeleteHistory => self.delete_history(),
            Request::ForgetSnapshots => self.forget_snapshots(),
            Request::LoadLog(id) => self.load_log(id),
            Request::Release(id) => self.release(id),
            Request::Resume => self.resume(),
            Request::Shutdown { client, flags } => self.shut_down(client, flags),
        }
    }

    /// Listens as the new configuration says, or as the old one did; tells the client which.
    fn rebind(
        &mut self,
        client: Option<ClientId>,
        parameter: &'static str,
        mut before: Box<Config>,
    ) {
        let outcome = self.reopen_tcp().map_err(|reason| {
            log::warn!("Failed applying new configuration. Possibly related to new {parameter} setting. Restoring previous settings: {reason}");
            swap(&mut self.state.config, &mut before);
            self.state.apply_config();
            if let Err(reason) = self.reopen_tcp() {
                log::warn!("The previous addresses are gone as well: {reason}");
            }
            SetError::not_applied(parameter, "Unable to listen on this port. Check server logs.")
        });
        let Some(id) = client else { return };
        self.state.write_to(id, |out| {
            let mut reply = Reply { out, protocol: Protocol::Resp2 };
            match outcome {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(error.to_string()),
            }
        });
        self.release(id);
    }

    /// Loads the data set anew from the append log and tells the client whether that went well.
    fn load_log(&mut self, id: ClientId) {
        self.append_log();
        // What is not written to is as whole as it ever was.
        let is_written = self.state.effects.is_on();
        let is_whole = self.state.effects.bytes().is_empty() && !self.state.append.needs_base;
        let place = self.log_place();
        let loaded = match is_whole || !is_written {
            true => restore::load_anew(self.state, &place),
            false => Err("The append log does not hold everything".into()),
        };
        self.state.write_to(id, |out| {
            let mut reply = Reply { out, protocol: Protocol::Resp2 };
            match loaded {
                Ok(()) => reply.ok(),
                Err(refusal) => {
                    log::warn!("{refusal}");
                    reply.error(LOAD_LOG);
                }
            }
        });
        self.release(id);
    }

    /// Lets a client go on that waited.
    pub(super) fn release(&mut self, id: ClientId) {
        if let Some(client) = self.state.clients.get_mut(id) {
            client.flags.remove(ClientFlags::POSTPONED);
            self.parse_pending(id);
            self.execute();
            self.release_chunks();
        }
    }

    /// Runs what CLIENT PAUSE held back.
    pub(super) fn resume(&mut self) {
        for id in take(&mut self.state.postponed) {
            self.release(id);
        }
    }
}
