//! What the network does to a call, over real sockets: for each way in which an answer can fail to come, which
//! of the ends it is read as.

mod charge;
mod notices;
mod server;
