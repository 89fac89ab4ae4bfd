//! Builds the one C file of the crate: arithmetic on `long double`, which Rust lacks.

fn main() {
    println!("cargo::rerun-if-changed=src/base/long_double.c");
    cc::Build::new().file("src/base/long_double.c").warnings(true).compile("long_double");
}
