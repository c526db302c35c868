//! Where sound comes from and goes to: the sound server, files, or nothing.
