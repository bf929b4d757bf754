//! What the fleet survives: servers killed, halted, wiped and restarted under it, wires cut and stalled, nodes of a
//! cluster lost.
//!
//! Here stands what needs a broker or a database of its own, because the whole server is touched; faults that touch
//! one fleet's own queues and connections stand in the specification. Such servers are native ones, wherever those of
//! the specification run. After each fault the same three things hold: nothing is lost, nothing is doubled, and the
//! fleet works again without anybody's help.

mod broker;
mod chaos;
mod cluster;
mod database;
mod deploys;
mod table;
