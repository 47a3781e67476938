//! What a visitor of the demo must be able to rely on, tried with a real browser on the real program.
