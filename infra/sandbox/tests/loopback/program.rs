//! The program itself: its one line, its end, its refusals.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

fn sandbox() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn it_says_where_it_listens_in_one_line_and_ends_when_told() {
    let mut child = sandbox()
        .args(["--latency", "1ms", "--pending", "1s"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(Duration::from_secs(20), lines.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["ready"]["name"], "sandbox");
    for part in ["http", "smtp"] {
        let address: std::net::SocketAddr = ready["ready"][part].as_str().unwrap().parse().unwrap();
        tokio::net::TcpStream::connect(address).await.unwrap();
    }
    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    let status = tokio::time::timeout(Duration::from_secs(10), child.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(lines.next_line().await.unwrap(), None, "one line alone");
}

#[tokio::test]
async fn it_refuses_to_be_reached_from_elsewhere() {
    for arguments in [["--smtp", "0.0.0.0:0"], ["--webhook-url", "http://192.0.2.1/"]] {
        let output = sandbox().args(arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(
            log.contains("loopback alone") && log.lines().count() == 1,
            "{log}"
        );
    }
}
