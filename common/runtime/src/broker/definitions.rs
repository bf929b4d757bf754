//! The file that sets up an empty broker: virtual host, users, what they may do, exchanges, queues and bindings.
//!
//! RabbitMQ imports it at its start (`load_definitions`), by `rabbitmqctl import_definitions`, or over its management
//! interface. What stands already is left as it is, but for users and permissions, which become what the file says.

use super::grants::User;
use super::topology::{Destination, Topology, Value as Argument};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Bytes that are hashed before a password, and stand before the hash.
const SALT_BYTES: usize = 4;

/// What goes into the file.
#[derive(Debug, Clone)]
pub struct Definitions<'a> {
    /// The virtual host.
    pub vhost: &'a str,
    /// What users' names begin with.
    pub prefix: &'a str,
    /// Of each user. One without a password is left out, and so is what it may do.
    pub passwords: &'a BTreeMap<User, String>,
    /// Whether exchanges, queues and bindings are in it.
    pub topology: bool,
}

impl Definitions<'_> {
    /// The file's contents. Of passwords it holds salted hashes.
    #[must_use]
    pub fn document(&self) -> Value {
        let given = || self.passwords.iter();
        let name = |user: &User| user.name(self.prefix);
        let users: Vec<Value> = given()
            .map(|(user, password)| {
                json!({
                    "name": name(user),
                    "password_hash": hash(password, salt()),
                    "hashing_algorithm": "rabbit_password_hashing_sha256",
                    "tags": user.tags(),
                })
            })
            .collect();
        let permissions: Vec<Value> = given()
            .map(|(user, _)| {
                let may = user.permissions();
                json!({"user": name(user), "vhost": self.vhost,
                       "configure": may.configure, "write": may.write, "read": may.read})
            })
            .collect();
        let topics: Vec<Value> = given()
            .flat_map(|(user, _)| {
                user.topic_permissions().into_iter().map(move |may| {
                    json!({"user": name(user), "vhost": self.vhost, "exchange": may.exchange,
                           "write": may.write, "read": "^$"})
                })
            })
            .collect();
        let mut document = json!({
            "vhosts": [{"name": self.vhost}],
            "users": users,
            "permissions": permissions,
            "topic_permissions": topics,
        });
        if self.topology
            && let Some(document) = document.as_object_mut()
        {
            self.add_topology(document);
        }
        document
    }

    fn add_topology(&self, document: &mut Map<String, Value>) {
        let Topology {
            exchanges,
            queues,
            bindings,
        } = Topology::fleet();
        let exchanges: Vec<Value> = exchanges
            .iter()
            .map(|exchange| {
                let alternate = exchange
                    .alternate
                    .map(|to| ("alternate-exchange".to_owned(), to.into()));
                let arguments: Map<String, Value> = alternate.into_iter().collect();
                json!({"name": exchange.name, "vhost": self.vhost, "type": "topic", "durable": true,
                       "auto_delete": false, "internal": false, "arguments": arguments})
            })
            .collect();
        let queues: Vec<Value> = queues
            .iter()
            .map(|queue| {
                let arguments: Map<String, Value> = queue
                    .arguments
                    .iter()
                    .map(|argument| (argument.name.to_owned(), plain(&argument.value)))
                    .collect();
                json!({"name": queue.name, "vhost": self.vhost, "type": "quorum", "durable": true,
                       "auto_delete": false, "arguments": arguments})
            })
            .collect();
        let bindings: Vec<Value> = bindings
            .iter()
            .map(|binding| {
                let (destination, kind) = match &binding.destination {
                    Destination::Queue(name) => (name, "queue"),
                    Destination::Exchange(name) => (name, "exchange"),
                };
                json!({"source": binding.exchange, "vhost": self.vhost, "destination": destination,
                       "destination_type": kind, "routing_key": binding.key, "arguments": {}})
            })
            .collect();
        document.insert("exchanges".to_owned(), exchanges.into());
        document.insert("queues".to_owned(), queues.into());
        document.insert("bindings".to_owned(), bindings.into());
    }
}

fn plain(argument: &Argument) -> Value {
    match argument {
        Argument::Text(text) => text.as_str().into(),
        Argument::Number(number) => (*number).into(),
    }
}

/// The last bytes of a new identifier are random.
fn salt() -> [u8; SALT_BYTES] {
    let id = Uuid::now_v7().into_bytes();
    let mut salt = [0; SALT_BYTES];
    salt.copy_from_slice(&id[id.len() - SALT_BYTES..]);
    salt
}

/// RabbitMQ's own form: the salt, then the hash of salt and password, in Base64.
fn hash(password: &str, salt: [u8; SALT_BYTES]) -> String {
    let hashed = Sha256::new().chain_update(salt).chain_update(password).finalize();
    BASE64.encode([salt.as_slice(), &hashed].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hashed_as_the_brokers_documentation_does_it() {
        // https://www.rabbitmq.com/docs/passwords: "test12" with the salt 908D C60A.
        let hashed = hash("test12", [0x90, 0x8D, 0xC6, 0x0A]);
        assert_eq!(hashed, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
    }

    #[test]
    fn a_user_without_a_password_is_left_out_with_all_that_it_may() {
        let passwords = BTreeMap::from([(User::Notifications, "hard to guess".to_owned())]);
        let of = |topology| Definitions {
            vhost: "topup",
            prefix: "p-",
            passwords: &passwords,
            topology,
        };
        let document = of(false).document();
        assert_eq!(document["users"].as_array().map(Vec::len), Some(1));
        assert_eq!(document["users"][0]["name"], "p-notifications");
        assert_eq!(document["permissions"].as_array().map(Vec::len), Some(1));
        assert!(document["queues"].is_null());
        assert!(!document.to_string().contains("hard to guess"));
        let whole = of(true).document();
        let fleet = Topology::fleet();
        for (kind, count) in [
            ("exchanges", fleet.exchanges.len()),
            ("queues", fleet.queues.len()),
            ("bindings", fleet.bindings.len()),
        ] {
            assert_eq!(whole[kind].as_array().map(Vec::len), Some(count), "{kind}");
        }
    }
}
