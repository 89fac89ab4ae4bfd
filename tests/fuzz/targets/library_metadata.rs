//! The first lines of libraries of functions.
#![no_main]

#[path = "../properties.rs"]
#[allow(dead_code)] // each target uses one property
mod properties;

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::library_metadata(input));
