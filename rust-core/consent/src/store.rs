//! Where consent changes are kept.
