//! Reading bytes in order.
