//! The checks that the fuzz targets run; the ordinary tests replay the corpus
//! through the same ones.

#[path = "../../tests/fuzz_checks/mod.rs"]
pub mod checks;
