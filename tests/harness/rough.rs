//! A sender that speaks the protocol with its own hands, and puts bytes into it that no library would.

use anyhow::{Context as _, Result, ensure};
use lapin::uri::AMQPUri;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::patience::PATIENCE;

/// A frame's kind, channel and length.
const HEAD_BYTES: usize = 7;
/// Kinds of frames.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
/// Largest part of a body in one frame.
const PART_BYTES: usize = 100_000;

/// AMQP's flags of the properties that can be given here.
pub mod flags {
    /// A table.
    pub const HEADERS: u16 = 0x2000;
    /// A short string.
    pub const MESSAGE_ID: u16 = 0x0080;
    /// A short string.
    pub const TYPE: u16 = 0x0020;
}

/// A connection with one channel that confirms.
#[derive(Debug)]
pub struct RoughSender {
    stream: TcpStream,
}

/// A short string of any bytes, at most 255.
///
/// # Panics
/// There are more.
#[must_use]
pub fn short(text: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).expect("a short string has 255 bytes at most");
    [&[length], text].concat()
}

/// Anything that begins with its length in four bytes: long strings, tables, lists.
///
/// # Panics
/// It has more than 4 GiB.
#[must_use]
pub fn long(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("no such length");
    [&length.to_be_bytes(), content].concat()
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    [&[kind][..], &channel.to_be_bytes(), &long(payload), &[0xCE]].concat()
}

fn method(channel: u16, class: u16, number: u16, arguments: &[Vec<u8>]) -> Vec<u8> {
    let payload = [
        &class.to_be_bytes()[..],
        &number.to_be_bytes(),
        &arguments.concat(),
    ]
    .concat();
    frame(METHOD, channel, &payload)
}

impl RoughSender {
    /// Connects with name and password.
    ///
    /// # Errors
    /// The broker is not there, or refuses.
    pub async fn connect(amqp_url: &str) -> Result<Self> {
        let uri: AMQPUri = amqp_url.parse().map_err(anyhow::Error::msg)?;
        let stream = TcpStream::connect((uri.authority.host.as_str(), uri.authority.port)).await?;
        let mut sender = Self { stream };
        sender.stream.write_all(b"AMQP\0\0\x09\x01").await?;
        sender.hear(10, 10).await?;
        let user = uri.authority.userinfo;
        let password = format!("\0{}\0{}", user.username, user.password);
        let arguments = [
            long(b""),
            short(b"PLAIN"),
            long(password.as_bytes()),
            short(b"en_US"),
        ];
        sender.say(0, 10, 11, &arguments).await?;
        let tune = sender.hear(10, 30).await?;
        // As it proposes; without heartbeats.
        let (limits, _heartbeat) = tune.split_at_checked(6).context("a short tune")?;
        sender.say(0, 10, 31, &[limits.to_vec(), vec![0, 0]]).await?;
        sender
            .say(0, 10, 40, &[short(uri.vhost.as_bytes()), vec![0, 0]])
            .await?;
        sender.hear(10, 41).await?;
        sender.say(1, 20, 10, &[vec![0]]).await?;
        sender.hear(20, 11).await?;
        sender.say(1, 85, 10, &[vec![0]]).await?;
        sender.hear(85, 11).await?;
        Ok(sender)
    }

    /// Publishes a message with the properties that `flags` names, in the order of the protocol, and waits until the
    /// broker has it.
    ///
    /// # Errors
    /// The broker refused it.
    pub async fn publish(
        &mut self,
        (exchange, key): (&str, &str),
        flags: u16,
        properties: &[u8],
        body: &[u8],
    ) -> Result<()> {
        let to = [
            vec![0, 0],
            short(exchange.as_bytes()),
            short(key.as_bytes()),
            vec![0],
        ];
        self.say(1, 60, 40, &to).await?;
        let mut header = vec![0, 60, 0, 0];
        header.extend((body.len() as u64).to_be_bytes());
        header.extend(flags.to_be_bytes());
        header.extend(properties);
        self.stream.write_all(&frame(HEADER, 1, &header)).await?;
        for part in body.chunks(PART_BYTES) {
            self.stream.write_all(&frame(BODY, 1, part)).await?;
        }
        self.hear(60, 80).await.map(drop)
    }

    async fn say(&mut self, channel: u16, class: u16, number: u16, arguments: &[Vec<u8>]) -> Result<()> {
        let said = method(channel, class, number, arguments);
        self.stream
            .write_all(&said)
            .await
            .context("speaking to the broker")
    }

    /// The arguments of the next method, which has to be this one.
    async fn hear(&mut self, class: u16, number: u16) -> Result<Vec<u8>> {
        loop {
            let mut head = [0; HEAD_BYTES];
            let heard = timeout(PATIENCE, self.stream.read_exact(&mut head)).await;
            heard.context("the broker is silent")??;
            let [kind, _, _, length @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes(length) as usize + 1];
            self.stream.read_exact(&mut payload).await?;
            if kind != METHOD {
                continue;
            }
            let wanted = [class.to_be_bytes(), number.to_be_bytes()].concat();
            ensure!(
                payload.starts_with(&wanted),
                "the broker says {:?} instead of {class}.{number}: {:?}",
                &payload[..4],
                String::from_utf8_lossy(&payload),
            );
            return Ok(payload.split_off(4));
        }
    }
}
