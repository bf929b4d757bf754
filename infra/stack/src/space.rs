//! One user's part of a stack: a database and a virtual host of its own.

use anyhow::Result;

use crate::addresses::{with_hosts, with_management_path, with_path};
use crate::stack::Stack;

/// A fresh database and a fresh virtual host of the same name. They go with the stack at the latest.
#[derive(Debug, Clone)]
pub struct Space {
    stack: Stack,
    name: String,
    amqp_url: String,
    database_url: String,
}

impl Space {
    pub(crate) fn new(stack: Stack, name: String) -> Self {
        let amqp_url = stack.addresses().amqp_url_of(&name);
        let database_url = stack.addresses().database_url_of(&name);
        Self {
            stack,
            name,
            amqp_url,
            database_url,
        }
    }

    /// The stack that it is part of.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The broker's address with this space's virtual host.
    #[must_use]
    pub fn amqp_url(&self) -> &str {
        &self.amqp_url
    }

    /// The addresses of all nodes in one, as the fleet's setting takes it:
    /// `amqp://user:password@host:1,host:2/vhost`. Of a single node it is [`Self::amqp_url`].
    #[must_use]
    pub fn amqp_hosts_url(&self) -> String {
        with_hosts(&self.amqp_url, &self.stack.amqp_urls())
    }

    /// The same, one address for each node.
    #[must_use]
    pub fn amqp_node_urls(&self) -> Vec<String> {
        let nodes = self.stack.amqp_urls().into_iter();
        nodes.map(|url| with_path(&url, &self.name)).collect()
    }

    /// Makes the virtual host again, empty, after the broker lost it ([`Act::Wipe`](crate::Act::Wipe)).
    ///
    /// # Errors
    /// The broker refused.
    pub async fn make_again(&self) -> Result<()> {
        self.stack.management()?.create_vhost(&self.name).await
    }

    /// The database's address.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// The virtual host's name; it needs no encoding in an address.
    #[must_use]
    pub fn vhost(&self) -> &str {
        &self.name
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.name
    }

    /// The management page's address, credentials included.
    #[must_use]
    pub fn management_url(&self) -> &str {
        &self.stack.addresses().management_url
    }

    /// Where the management page shows this space's `queue`, for a person (without credentials).
    #[must_use]
    pub fn queue_page(&self, queue: &str) -> String {
        with_management_path(self.management_url(), &format!("#/queues/{}/{queue}", self.name))
    }

    /// Removes the database, whoever is connected to it, and the virtual host.
    ///
    /// # Errors
    /// The broker or the database refused.
    pub async fn remove(self) -> Result<()> {
        self.stack.remove_space(&self.name).await
    }
}
