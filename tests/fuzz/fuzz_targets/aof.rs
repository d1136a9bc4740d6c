//! Fuzz target; its body is the one called `aof` in `redoubt::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| redoubt::fuzzing::run("aof", data));
