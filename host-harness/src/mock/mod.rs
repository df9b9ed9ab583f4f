//! Mock router.
