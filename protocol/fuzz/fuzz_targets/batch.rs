#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target uses its part")]
mod checks;

fuzz_target!(|bytes: &[u8]| checks::batch(bytes));
