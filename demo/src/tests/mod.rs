//! The demo through its router, without sockets (but for the race lab, which needs them).

mod accounts;
mod bad_input;
mod devices;
mod faults;
mod form;
mod inspection;
mod lab;
mod operator;
mod organizer;
mod stage;
mod tokens;
