#![no_main]

#[path = "../../tests/fuzzing/targets.rs"]
#[expect(dead_code, reason = "each program is one target")]
mod targets;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| targets::scheme(&scanrelay::Scheme::svix(), data));
