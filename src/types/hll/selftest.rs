//! What PFSELFTEST runs: registers keep what is put there, and estimates are as good as promised.
//!
//! Invariant: touches no key.

use super::{DENSE_BYTES, EMPTY, FORM_AT, Form, HEADER_BYTES, REGISTERS, Sketch, View, add_dense};
use super::{put_register, registers_of};
use crate::base::rng::Rng;

const REGISTER_ROUNDS: usize = 100;
/// The largest cardinality that is tried: every element holds up all clients a little.
const ELEMENTS_MAX: u64 = 1_000_000;
/// How many standard errors an estimate may be off.
const ERRORS_MAX: f64 = 6.0;

/// Runs the tests; `sparse_bytes_max` is where sparse forms turn dense.
///
/// # Errors
/// The first that fails, in Redis's words.
pub fn self_test(rng: &mut Rng, sparse_bytes_max: usize) -> Result<(), String> {
    let mut dense = vec![0; DENSE_BYTES];
    dense[..HEADER_BYTES].copy_from_slice(&EMPTY[..HEADER_BYTES]);
    dense[FORM_AT] = 0;
    for _ in 0..REGISTER_ROUNDS {
        registers_keep_their_values(&mut dense, rng)?;
    }
    dense[HEADER_BYTES..].fill(0);
    estimates_are_close(&mut dense, Sketch::new(sparse_bytes_max), rng.u64())
}

fn registers_keep_their_values(dense: &mut [u8], rng: &mut Rng) -> Result<(), String> {
    let mut values = vec![0; REGISTERS];
    rng.fill(&mut values);
    values.iter_mut().for_each(|value| *value &= 0x3f);
    for (index, &value) in (0..).zip(&values) {
        put_register(dense, index, value);
    }
    let groups = dense[HEADER_BYTES..].chunks_exact(3);
    let kept = groups.flat_map(|group| registers_of(group.try_into().expect("three bytes")));
    match kept.zip(&values).enumerate().find(|(_, (kept, value))| kept != *value) {
        None => Ok(()),
        Some((index, (kept, value))) => {
            Err(format!("TESTFAILED Register {index} should be {value} but is {kept}"))
        }
    }
}

fn estimates_are_close(dense: &mut [u8], mut sketch: Sketch, seed: u64) -> Result<(), String> {
    const SOUND: &str = "a form of our own is sound";
    let mut checkpoint = 1;
    for number in 1..=ELEMENTS_MAX {
        let element = (number ^ seed).to_le_bytes();
        add_dense(dense, &element);
        sketch.add(&element).expect(SOUND);
        if number < checkpoint {
            continue;
        }
        let small = number < sketch.sparse_bytes_max as u64 / 2;
        if small && sketch.view().form() != Form::Sparse {
            return Err("TESTFAILED sparse encoding not used".into());
        }
        let estimate = View::new(dense).expect(SOUND).count().expect(SOUND);
        if estimate != sketch.view().count().expect(SOUND) {
            return Err("TESTFAILED dense/sparse disagree".into());
        }
        check_error(number, estimate)?;
        checkpoint *= 10;
    }
    Ok(())
}

fn check_error(number: u64, estimate: u64) -> Result<(), String> {
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    let error = number.abs_diff(estimate);
    let most = match number {
        // Two of ten elements may well fall into one register.
        10 => 1.0,
        _ => (standard_error * ERRORS_MAX * number as f64).ceil(),
    };
    if error as f64 > most {
        return Err(format!("TESTFAILED Too big error. card:{number} abserr:{error}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::os_seed;

    #[test]
    fn passes() {
        let seed = os_seed();
        assert_eq!(self_test(&mut Rng::seeded(seed), 3000), Ok(()), "seed {seed}");
    }
}
