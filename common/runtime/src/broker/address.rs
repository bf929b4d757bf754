//! Where the broker is: one address, several hosts.

use lapin::uri::{AMQPScheme, AMQPUri};
use std::fmt;

/// Hosts of one cluster, at most.
const HOSTS_MAX: usize = 16;

/// `amqp://user:password@host1:5672,host2:5672/vhost`, parsed. Never printed with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// One for each host; everything but the host and port is the same in all.
    uris: Vec<AMQPUri>,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong, without the password, fit to follow the setting's name and a colon.
    pub fn parse(text: &str) -> Result<Self, String> {
        let example = "amqp://user:password@host1:5672,host2:5672/vhost";
        let text = text.trim();
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| format!("is no broker address, like {example}"))?;
        if scheme != "amqp" && scheme != "amqps" {
            return Err(format!("begins with {scheme}://, not with amqp:// or amqps://"));
        }
        if rest.contains('?') {
            return Err(
                "options after a question mark are not taken; heartbeat and time-outs are settings".into(),
            );
        }
        let (authority, vhost) = match rest.split_once('/') {
            Some((authority, vhost)) => (authority, format!("/{vhost}")),
            None => (rest, String::new()),
        };
        if vhost.contains('@') {
            return Err("has a / before its @; in a password it is written %2F".to_owned());
        }
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let uris: Vec<AMQPUri> = hosts
            .split(',')
            .map(|host| one(scheme, &user, host.trim(), &vhost))
            .collect::<Result<_, _>>()?;
        if uris.len() > HOSTS_MAX {
            return Err(format!("names more than {HOSTS_MAX} hosts"));
        }
        Ok(Self { uris })
    }

    /// The address of each host, in the order given.
    pub(crate) fn uris(&self) -> &[AMQPUri] {
        &self.uris
    }

    /// The virtual host.
    #[must_use]
    pub fn vhost(&self) -> &str {
        self.uris.first().map_or("/", |uri| uri.vhost.as_str())
    }

    /// The first host, as it stands in an address.
    pub(crate) fn first_host(&self) -> String {
        let host = self
            .uris
            .first()
            .map_or("localhost", |uri| uri.authority.host.as_str());
        if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        }
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        self.credentials().0
    }

    /// User and password.
    pub(crate) fn credentials(&self) -> (&str, &str) {
        let user = self.uris.first().map(|uri| &uri.authority.userinfo);
        user.map_or(("", ""), |user| (user.username.as_str(), user.password.as_str()))
    }

    /// Whether what is sent there is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.uris.iter().all(|uri| uri.scheme == AMQPScheme::AMQPS)
    }

    /// The user that every fresh broker has, with its well-known password.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.uris
            .iter()
            .any(|uri| uri.authority.userinfo.username == "guest")
    }
}

fn one(scheme: &str, user: &str, host: &str, vhost: &str) -> Result<AMQPUri, String> {
    if host.is_empty() || host.starts_with(':') {
        return Err("names no host".to_owned());
    }
    let mut uri: AMQPUri = format!("{scheme}://{user}{host}{vhost}")
        .parse()
        .map_err(|e| format!("host {host}: {e}"))?;
    // The library forgets IPv6 hosts.
    if let Some((inside, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        inside.clone_into(&mut uri.authority.host);
    }
    Ok(uri)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, uri) in self.uris.iter().enumerate() {
            if i == 0 {
                let scheme = match uri.scheme {
                    AMQPScheme::AMQP => "amqp",
                    AMQPScheme::AMQPS => "amqps",
                };
                write!(f, "{scheme}://{}@", uri.authority.userinfo.username)?;
            } else {
                f.write_str(",")?;
            }
            write!(f, "{}:{}", uri.authority.host, uri.authority.port)?;
        }
        write!(f, "/{}", self.vhost())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_names_one_host_or_several() {
        for (text, shown) in [
            ("amqp://u:p@h", "amqp://u@h:5672//"),
            ("amqps://u:p@h/v", "amqps://u@h:5671/v"),
            ("amqp://u:p@h1:5672,h2:5673/a%2Fb", "amqp://u@h1:5672,h2:5673/a/b"),
            (
                "amqp://u:p%40x@[::1]:5000, 127.0.0.1/%2f",
                "amqp://u@::1:5000,127.0.0.1:5672//",
            ),
            ("amqp://h", "amqp://guest@h:5672//"),
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), shown);
        }
        assert!(Address::parse("amqp://h").unwrap().is_guest());
        let address = Address::parse("amqp://u:p%40x@h/v").unwrap();
        assert_eq!(address.uris()[0].authority.userinfo.password, "p@x");
        assert!(!format!("{address:?}").contains("p@x"));
    }

    #[test]
    fn a_wrong_address_is_refused_without_its_password() {
        for (text, wrong) in [
            (
                "",
                "is no broker address, like amqp://user:password@host1:5672,host2:5672/vhost",
            ),
            (
                "http://u:secret@h",
                "begins with http://, not with amqp:// or amqps://",
            ),
            ("amqp://u:secret@", "names no host"),
            ("amqp://u:secret@a,,b/v", "names no host"),
            ("amqp://u:secret@h:70000/v", "host h:70000: invalid port number"),
            (
                "amqp://h/v?heartbeat=3",
                "options after a question mark are not taken; heartbeat and time-outs are settings",
            ),
        ] {
            assert_eq!(Address::parse(text).unwrap_err(), wrong);
        }
    }
}
