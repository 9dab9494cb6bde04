//! The ten programs of real life, as far as they go yet.
