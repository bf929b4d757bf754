//! Tests alone: what [`infra/Dockerfile`], [`infra/compose.yaml`] and [`infra/kubernetes`] say, read back.
//!
//! A manifest is wrong in silence: an unknown field or variable is left out by whoever reads it, a process that nobody
//! wrote down does not run, and a grace period that is too short is seen on the day of a deploy. So every file is read
//! through types that know it, and held to what the code knows: the processes, their settings, how they end.
//!
//! Left out: running anything. `docker compose run --rm story` does that.
//!
//! [`infra/Dockerfile`]: ../../../infra/Dockerfile
//! [`infra/compose.yaml`]: ../../../infra/compose.yaml
//! [`infra/kubernetes`]: ../../../infra/kubernetes

#[cfg(test)]
mod compose;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod image;
#[cfg(test)]
mod kubernetes;
