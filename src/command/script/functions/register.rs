//! `redis.register_function`, by which a library says what functions it has.

use super::metadata::{NAME_RULE, valid_name};
use crate::command::script::engine::Shared;
use crate::command::script::raise;
use crate::command::script::shebang::Declared;
use mlua::{Function, Lua, MultiValue, Result, Table, Value};

/// A function that a library has registered.
pub struct Registered {
    pub name: Box<str>,
    pub description: Option<Box<[u8]>>,
    pub declared: Declared,
    pub callback: Function,
}

/// redis.register_function(name, callback) and redis.register_function{...}
///
/// # Errors
/// The arguments are not understood, the library has such a function, or none is being loaded.
pub fn register(lua: &Lua, shared: &Shared, args: MultiValue) -> Result<()> {
    let mut registering = shared.registering.borrow_mut();
    let Some(registered) = &mut *registering else {
        return refuse("redis.register_function can only be called on FUNCTION LOAD command");
    };
    let function = match &args.into_vec()[..] {
        [Value::Table(named)] => of_named(lua, named)?,
        [_] => {
            return refuse(
                "calling redis.register_function with a single argument is only applicable to Lua \
                 table (representing named arguments).",
            );
        }
        [name, callback] => {
            let Some(name) = text_of(lua, name)? else {
                return refuse("first argument to redis.register_function must be a string");
            };
            let Value::Function(callback) = callback else {
                return refuse("second argument to redis.register_function must be a function");
            };
            named(&name, None, Declared::default(), callback.clone())?
        }
        _ => return refuse("wrong number of arguments to redis.register_function"),
    };
    if registered.iter().any(|other| other.name.eq_ignore_ascii_case(&function.name)) {
        return refuse("Function already exists in the library");
    }
    registered.push(function);
    Ok(())
}

/// The function that named arguments describe.
fn of_named(lua: &Lua, args: &Table) -> Result<Registered> {
    let (mut name, mut description, mut callback) = (None, None, None);
    let mut declared = Declared::default();
    for pair in args.pairs::<Value, Value>() {
        let (key, value) = pair?;
        let Some(key) = text_of(lua, &key)? else {
            return refuse("named argument key given to redis.register_function is not a string");
        };
        match (&*key.to_ascii_lowercase(), value) {
            (b"function_name", value) => match text_of(lua, &value)? {
                None => {
                    return refuse(
                        "function_name argument given to redis.register_function must be a string",
                    );
                }
                text => name = text,
            },
            (b"description", value) => match text_of(lua, &value)? {
                None => {
                    return refuse(
                        "description argument given to redis.register_function must be a string",
                    );
                }
                text => description = text,
            },
            (b"callback", Value::Function(function)) => callback = Some(function),
            (b"callback", _) => {
                return refuse(
                    "callback argument given to redis.register_function must be a function",
                );
            }
            (b"flags", Value::Table(flags)) => declared = flags_of(lua, &flags)?,
            (b"flags", _) => {
                return refuse(
                    "flags argument to redis.register_function must be a table representing \
                     function flags",
                );
            }
            _ => return refuse("unknown argument given to redis.register_function"),
        }
    }
    let Some(name) = name else {
        return refuse("redis.register_function must get a function name argument");
    };
    let Some(callback) = callback else {
        return refuse("redis.register_function must get a callback argument");
    };
    named(&name, description.map(Vec::into_boxed_slice), declared, callback)
}

fn flags_of(lua: &Lua, flags: &Table) -> Result<Declared> {
    let mut declared = Declared::default();
    for flag in flags.sequence_values::<Value>() {
        let flag = text_of(lua, &flag?)?.unwrap_or_default();
        if !declared.add(|name| name.as_bytes().eq_ignore_ascii_case(&flag)) {
            return refuse("unknown flag given");
        }
    }
    Ok(declared)
}

fn named(
    name: &[u8],
    description: Option<Box<[u8]>>,
    declared: Declared,
    callback: Function,
) -> Result<Registered> {
    match valid_name(name) {
        Some(name) => Ok(Registered { name: name.into(), description, declared, callback }),
        None => Err(raise::error(NAME_RULE, false)),
    }
}

/// A string, or a number as one.
fn text_of(lua: &Lua, value: &Value) -> Result<Option<Vec<u8>>> {
    Ok(match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(_) | Value::Number(_) => {
            lua.coerce_string(value.clone())?.map(|text| text.as_bytes().to_vec())
        }
        _ => None,
    })
}

fn refuse<T>(text: &str) -> Result<T> {
    Err(raise::error(format!("ERR {text}"), false))
}
