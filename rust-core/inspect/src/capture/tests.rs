//! Tests of the capture layers, on bytes made here.
