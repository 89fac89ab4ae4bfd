//! Both drivers against the same checks.
