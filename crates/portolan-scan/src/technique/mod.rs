//! How to ask, and what each answer means: one file a technique, nothing of it written elsewhere.

pub mod tcp_connect;
