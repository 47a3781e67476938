//! What a visitor of the demo can rely on, tried with a real browser on the real program.
//! `cargo xtask e2e` builds the demo and runs these; without a browser each says *skipped*.

mod applications;
mod code;
mod expiry;
mod form;
mod hostile;
mod keyboard;
mod keys;
mod lab;
mod looks;
mod membership;
mod moving;
mod organizer;
mod pages;
mod platforms;
mod proxy;
mod scars;
mod secrecy;
mod servers;
mod signing_out;
mod stage;
mod survival;
mod tabs;
mod without_scripts;
