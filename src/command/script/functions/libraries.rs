//! Libraries and their functions, and the one interpreter that all of them are loaded into.
//!
//! Invariant: a load that fails changes nothing; no two functions have the same name, whatever its
//! case.

use super::metadata::Metadata;
use super::register::Registered;
use crate::base::clock::{Clock, stamp};
use crate::command::script::busy::Origin;
use crate::command::script::engine::{self, Engine, Patience};
use crate::command::script::raise::Raised;
use crate::command::script::shebang::Declared;
use crate::resp::errors::Reject;
use hashbrown::HashMap;
use mlua::Error;
use std::collections::BTreeMap;
use std::rc::Rc;

/// How long the code of a library may take until it has registered its functions, nanoseconds.
const LOAD_NANOS_MAX: u64 = 500_000_000;

/// A function of a library.
pub struct Function {
    pub name: Box<str>,
    pub description: Option<Box<[u8]>>,
    pub declared: Declared,
    /// Its number in the interpreter.
    pub slot: usize,
}

/// A library.
pub struct Library {
    /// Its whole text.
    pub code: Rc<[u8]>,
    /// In the order in which they were registered.
    pub functions: Vec<Rc<Function>>,
}

/// Libraries that are known together.
#[derive(Default)]
pub struct Set {
    libraries: BTreeMap<Box<str>, Library>,
    /// By name in lower case.
    functions: HashMap<Box<[u8]>, Rc<Function>, foldhash::fast::RandomState>,
}

/// What a library does with one that has its name already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clash {
    Refuse,
    Replace,
}

/// What becomes of a load that takes long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Haste {
    /// It fails: a client waits for it, and so does everybody else.
    Limited,
    /// It goes on: a file is loaded, and what is in it was loaded before.
    Unlimited,
}

/// The libraries of the server.
#[derive(Default)]
pub struct Functions {
    /// From the first library on.
    engine: Option<Rc<Engine>>,
    set: Set,
}

impl Set {
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Library)> {
        self.libraries.iter().map(|(name, library)| (&**name, library))
    }

    fn contains(&self, function: &str) -> bool {
        self.functions.contains_key(&*key(function.as_bytes()))
    }

    /// Adds a library that takes nobody's place.
    fn link(&mut self, name: Box<str>, library: Library) {
        for function in &library.functions {
            self.functions.insert(key(function.name.as_bytes()), function.clone());
        }
        self.libraries.insert(name, library);
    }

    fn unlink(&mut self, name: &str) -> Option<Library> {
        let library = self.libraries.remove(name)?;
        for function in &library.functions {
            self.functions.remove(&*key(function.name.as_bytes()));
        }
        Some(library)
    }

    /// Adds a library.
    ///
    /// # Errors
    /// One of its functions is in another library already; the library comes back.
    fn join(&mut self, name: Box<str>, library: Library) -> Result<(), (Library, Reject)> {
        let taken = library.functions.iter().find(|function| self.contains(&function.name));
        match taken {
            None => {
                self.link(name, library);
                Ok(())
            }
            Some(function) => {
                let reason = format!("ERR Function {} already exists", function.name);
                Err((library, reason.into()))
            }
        }
    }
}

fn key(name: &[u8]) -> Box<[u8]> {
    name.to_ascii_lowercase().into()
}

impl Functions {
    /// The function of that name, in any case.
    pub fn find(&self, name: &[u8]) -> Option<Rc<Function>> {
        self.set.functions.get(&*key(name)).cloned()
    }

    /// The libraries in the order of their names.
    pub fn libraries(&self) -> impl ExactSizeIterator<Item = (&str, &Library)> {
        self.set.iter()
    }

    /// The texts of all libraries.
    pub fn codes(&self) -> Vec<Rc<[u8]>> {
        self.set.libraries.values().map(|library| library.code.clone()).collect()
    }

    /// How many libraries there are, and how many functions.
    pub fn counts(&self) -> (usize, usize) {
        (self.set.libraries.len(), self.set.functions.len())
    }

    /// The interpreter, which is made when there is none.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn engine(&mut self, clock: &Clock) -> Result<Rc<Engine>, Reject> {
        if let Some(engine) = &self.engine {
            return Ok(engine.clone());
        }
        let engine = Engine::new(clock, Origin::Function)
            .map_err(|error| Raised::of(&error).into_reply().0)?;
        Ok(self.engine.insert(Rc::new(engine)).clone())
    }

    /// Loads a library; its name.
    ///
    /// # Errors
    /// It is not one, or has a name or a function that is there already.
    pub fn load(
        &mut self,
        clock: &Clock,
        code: &[u8],
        clash: Clash,
        haste: Haste,
    ) -> Result<Box<str>, Reject> {
        let mut set = std::mem::take(&mut self.set);
        let loaded = self.load_into(&mut set, clock, code, clash, haste);
        self.set = set;
        loaded
    }

    fn load_into(
        &mut self,
        set: &mut Set,
        clock: &Clock,
        code: &[u8],
        clash: Clash,
        haste: Haste,
    ) -> Result<Box<str>, Reject> {
        let Metadata { name, code_at } = Metadata::of(code)?;
        if clash == Clash::Refuse && set.libraries.contains_key(&name) {
            return Err(format!("ERR Library '{name}' already exists").into());
        }
        let engine = self.engine(clock)?;
        let library = compile(&engine, code, code_at, haste)?;
        let old = set.unlink(&name);
        match set.join(name.clone(), library) {
            Ok(()) => old.iter().for_each(|old| forget(&engine, old)),
            Err((library, reason)) => {
                forget(&engine, &library);
                old.into_iter().for_each(|old| set.link(name.clone(), old));
                return Err(reason);
            }
        }
        Ok(name)
    }

    /// Adds libraries of which none may have the name of another.
    ///
    /// # Errors
    /// One of them cannot be loaded or takes a name that is there already; nothing has changed then.
    pub fn restore(
        &mut self,
        clock: &Clock,
        codes: &[Vec<u8>],
        policy: Restore,
    ) -> Result<(), Reject> {
        let mut new = Set::default();
        for code in codes {
            let loaded = self.load_into(&mut new, clock, code, Clash::Refuse, Haste::Unlimited);
            if let Err(reason) = loaded {
                self.forget_set(new);
                return Err(reason);
            }
        }
        match policy {
            Restore::Flush => {
                let old = std::mem::replace(&mut self.set, new);
                self.forget_set(old);
                Ok(())
            }
            Restore::Append | Restore::Replace => self.join(new, policy),
        }
    }

    fn join(&mut self, mut new: Set, policy: Restore) -> Result<(), Reject> {
        let names: Vec<_> = new.libraries.keys().cloned().collect();
        let known = names.iter().find(|name| self.set.libraries.contains_key(*name));
        if let Some(name) = known.filter(|_| policy == Restore::Append) {
            let reason = format!("ERR Library {name} already exists");
            self.forget_set(new);
            return Err(reason.into());
        }
        let mut unlink = |name: &str| Some((name.into(), self.set.unlink(name)?));
        let old: Vec<_> = names.iter().filter_map(|name| unlink(name)).collect();
        let taken = new.functions.values().find(|function| self.set.contains(&function.name));
        if let Some(function) = taken {
            let reason = format!("ERR Function {} already exists", function.name);
            old.into_iter().for_each(|(name, library)| self.set.link(name, library));
            self.forget_set(new);
            return Err(reason.into());
        }
        if let Some(engine) = &self.engine {
            old.iter().for_each(|(_, library)| forget(engine, library));
        }
        for name in names {
            if let Some(library) = new.unlink(&name) {
                self.set.link(name, library);
            }
        }
        Ok(())
    }

    /// Deletes a library; whether there was one.
    pub fn delete(&mut self, name: &[u8]) -> bool {
        let name = std::str::from_utf8(name).ok();
        let Some(library) = name.and_then(|name| self.set.unlink(name)) else { return false };
        if let Some(engine) = &self.engine {
            forget(engine, &library);
        }
        true
    }

    /// Deletes all libraries, and what they were loaded into.
    pub fn clear(&mut self) {
        *self = Functions::default();
    }

    fn forget_set(&self, set: Set) {
        if let Some(engine) = &self.engine {
            set.libraries.values().for_each(|library| forget(engine, library));
        }
    }

    /// Bytes that the interpreter has allocated.
    pub fn engine_bytes(&self) -> usize {
        self.engine.as_ref().map_or(0, |engine| engine.lua.used_memory())
    }

    /// Bytes of the libraries' texts and of what is known of them and their functions.
    pub fn bytes(&self) -> usize {
        let of_function = |function: &Rc<Function>| {
            let description = function.description.as_ref().map_or(0, |text| text.len());
            size_of::<Function>() + 2 * function.name.len() + description
        };
        let of_library = |(name, library): (&str, &Library)| {
            let functions: usize = library.functions.iter().map(of_function).sum();
            size_of::<Library>() + name.len() + library.code.len() + functions
        };
        self.set.iter().map(of_library).sum()
    }
}

/// What FUNCTION RESTORE does with the libraries that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restore {
    Flush,
    Append,
    Replace,
}

fn forget(engine: &Engine, library: &Library) {
    library.functions.iter().for_each(|function| engine.forget(function.slot));
}

/// Runs the code of a library, which registers its functions.
fn compile(engine: &Engine, code: &[u8], code_at: usize, haste: Haste) -> Result<Library, Reject> {
    let limit = Patience { start: stamp(), nanos: LOAD_NANOS_MAX };
    let limit = (haste == Haste::Limited).then_some(limit);
    let registered = engine.load(&code[code_at..], limit).map_err(|error| refusal(&error))?;
    if registered.is_empty() {
        return Err("ERR No functions registered".into());
    }
    let mut library = Library { code: code.into(), functions: Vec::new() };
    for Registered { name, description, declared, callback } in registered {
        match engine.keep(callback) {
            Ok(slot) => {
                let function = Function { name, description, declared, slot };
                library.functions.push(Rc::new(function));
            }
            Err(error) => {
                forget(engine, &library);
                return Err(refusal(&error));
            }
        }
    }
    Ok(library)
}

/// Why a library is not taken.
fn refusal(error: &Error) -> Reject {
    match error {
        Error::SyntaxError { message, .. } => {
            format!("ERR Error compiling function: {message}").into()
        }
        Error::MemoryError(_) => {
            let mib = engine::BYTES_MAX / (1024 * 1024);
            format!("ERR functions may take {mib} MiB together: not enough memory").into()
        }
        other => {
            let text = Raised::of(other).into_reply().0;
            [b"ERR Error registering functions: ", &*text].concat().into()
        }
    }
}
