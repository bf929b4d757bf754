//! Requests, answers and webhooks have the shapes that the gateway publishes (`published/`): those that the fleet's
//! client sends, and those that the sandbox gives. And the client reads rightly what the sandbox gives.

mod answers;
mod published;
mod readings;
mod requests;
