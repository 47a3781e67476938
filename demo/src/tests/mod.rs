//! The demo through its router, without sockets (but for the race lab, which needs them).

mod accounts;
mod bad_input;
mod code;
mod devices;
mod faults;
mod form;
mod guide;
mod inspection;
mod lab;
mod mail;
mod operator;
mod organizer;
mod places;
mod platforms;
mod smtp_server;
mod stage;
mod tokens;
