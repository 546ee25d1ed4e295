//! Feeds what libFuzzer makes up to the parser that the target is named after.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| consentry_tests::parsers::feed(env!("CARGO_BIN_NAME"), bytes));
