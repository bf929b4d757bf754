//! What each weather does to a connection.

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, Instant, timeout};

use super::{Proxy, Weather};
use crate::eventually;

/// Long enough for loopback, short enough for a test that nothing comes.
const A_WHILE: Duration = Duration::from_millis(150);

/// A proxy before a server that says everything back.
async fn echo() -> Result<Proxy> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Proxy::to(&server).await
}

async fn says_back(wire: &mut TcpStream, text: &[u8]) -> std::io::Result<()> {
    wire.write_all(text).await?;
    let mut back = vec![0; text.len()];
    wire.read_exact(&mut back).await?;
    assert_eq!(back, text);
    Ok(())
}

#[tokio::test]
async fn what_is_stalled_goes_on_in_fair_weather_and_is_not_reset() -> Result<()> {
    let proxy = echo().await?;
    let mut wire = TcpStream::connect(proxy.address()).await?;
    says_back(&mut wire, b"fair").await?;
    for (to_server, to_client) in [(true, false), (false, true), (true, true)] {
        proxy.set(Weather::Stalled { to_server, to_client });
        wire.write_all(b"held").await?;
        let mut back = [0; 4];
        assert!(timeout(A_WHILE, wire.read_exact(&mut back)).await.is_err());
        assert_eq!(proxy.connections(), 1);
        proxy.set(Weather::Fair);
        wire.read_exact(&mut back).await?;
        assert_eq!(&back, b"held");
    }
    Ok(())
}

#[tokio::test]
async fn a_cut_is_a_reset_and_new_connections_are_let_in() -> Result<()> {
    let proxy = echo().await?;
    let mut wire = TcpStream::connect(proxy.address()).await?;
    says_back(&mut wire, b"fair").await?;
    proxy.cut();
    let error = wire.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut wire = TcpStream::connect(proxy.address()).await?;
    says_back(&mut wire, b"again").await?;
    Ok(())
}

#[tokio::test]
async fn a_wire_that_is_down_refuses_until_it_is_up_again() -> Result<()> {
    let proxy = echo().await?;
    let mut wire = TcpStream::connect(proxy.address()).await?;
    says_back(&mut wire, b"fair").await?;
    proxy.set(Weather::Down);
    assert!(wire.read_u8().await.is_err());
    eventually("a refusal", async || {
        let refused = TcpStream::connect(proxy.address()).await.err();
        Ok(refused.filter(|error| error.kind() == std::io::ErrorKind::ConnectionRefused))
    })
    .await?;
    assert_eq!(proxy.connections(), 0);
    proxy.set(Weather::Fair);
    let mut wire = eventually("a wire", async || {
        Ok(TcpStream::connect(proxy.address()).await.ok())
    })
    .await?;
    says_back(&mut wire, b"again").await?;
    Ok(())
}

#[tokio::test]
async fn every_connection_ends_after_so_many_bytes_with_a_part_of_the_last_ones() -> Result<()> {
    let proxy = echo().await?;
    proxy.set(Weather::CutAfter { bytes: 10 });
    for _ in 0..2 {
        let mut wire = TcpStream::connect(proxy.address()).await?;
        wire.write_all(b"seven b").await?;
        let mut back = Vec::new();
        assert!(wire.read_to_end(&mut back).await.is_err());
        assert_eq!(back, b"sev");
    }
    Ok(())
}

#[tokio::test]
async fn a_slow_wire_takes_its_time() -> Result<()> {
    let proxy = echo().await?;
    proxy.set(Weather::Slow { bytes_per_s: 10_000 });
    let mut wire = TcpStream::connect(proxy.address()).await?;
    let started = Instant::now();
    says_back(&mut wire, &[7; 4_000]).await?;
    // 0.4 s, less what the first and the last tick let through at once.
    assert!(started.elapsed() > A_WHILE * 2, "{:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn an_address_is_told_with_this_end_of_the_wire() -> Result<()> {
    let proxy = Proxy::to("127.0.0.1:1").await?;
    let here = proxy.address();
    for (url, there) in [
        ("amqp://u:p@h:1,h:2/v", format!("amqp://u:p@{here}/v")),
        ("postgres://u:p@h:1/d?a=b", format!("postgres://u:p@{here}/d?a=b")),
        ("http://h:1", format!("http://{here}")),
    ] {
        assert_eq!(proxy.in_place_of_host(url), there);
    }
    Ok(())
}
