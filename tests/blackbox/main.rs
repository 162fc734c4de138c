//! Black-box suites: the real binary, real files, real sockets, and real peers where they are installed.

mod harness;

mod abuse;
mod agent;
mod alerting;
mod alertmanager;
mod api;
mod backup;
mod bad_input;
mod bad_writes;
mod canaries;
mod compliance;
mod crash;
mod damage;
mod differential;
mod exemplars;
mod grafana;
mod hindsight;
mod hooks;
mod hostile;
mod import;
mod interop;
mod keeping;
mod kill_nine;
mod limits;
mod people;
mod push;
mod remote_read;
mod remote_write;
mod safety;
mod schema;
mod scraping;
mod services;
mod storage;
mod tiers;
mod trying;
