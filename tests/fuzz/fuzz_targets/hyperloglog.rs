//! Fuzz target; its body is the one called `hyperloglog` in `redoubt::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| redoubt::fuzzing::run("hyperloglog", data));
