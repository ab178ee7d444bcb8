//! One harness and one fixture for every test.
//!
//! Nothing here touches the real `$HOME`, or the network beyond 127.0.0.1, except [`npm`], which fetches real programs.

#![allow(dead_code, unused_imports, reason = "every test program includes this module and uses its own part of it")]

pub mod app_server;
pub mod auth;
pub mod backend;
pub mod fixture;
pub mod harness;
pub mod npm;
pub mod openclaw;
pub mod process;
pub mod stand_in;
pub mod start;
pub mod strace;
pub mod tokens;
pub mod tree;
pub mod versions;

pub use fixture::Fixture;
pub use harness::{Case, Need, case};
pub use process::{Drained, Finished, PATIENCE, drain, end, forking, run, run_within, wait_within, write_executable};
pub use start::{Ended, Start};
pub use tree::{Content, Entry, assert_same, entry, snapshot};
