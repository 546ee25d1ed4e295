//! Percent-decoding.
