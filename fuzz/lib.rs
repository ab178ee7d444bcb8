//! What the fuzz targets call: the functions that `tests/pure/parsers.rs` calls without a fuzzer.

#[path = "../tests/support/mutants.rs"]
pub mod mutants;
#[path = "../tests/support/targets.rs"]
pub mod targets;
#[path = "../tests/support/vectors.rs"]
pub mod vectors;
