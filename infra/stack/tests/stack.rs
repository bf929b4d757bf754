//! The stack itself: it starts, gives everybody a place of their own, and leaves nothing behind.
//!
//! Runs wherever `TOPUP_STACK` points: natively by default.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use topup_stack::{Options, Space, Stack};

const SOON: Duration = Duration::from_secs(15);
/// Packages may have to be installed first.
const LONGEST_START: Duration = Duration::from_secs(600);

async fn stack(name: &str) -> Stack {
    let options = Options {
        name: name.to_owned(),
        ..Options::default()
    };
    Stack::start(options).await.expect("a stack")
}

/// A connection to the space's database; the one that does the talking ends with it.
async fn database(space: &Space) -> tokio_postgres::Client {
    let connected = tokio_postgres::connect(space.database_url(), tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("a connection to the space's database");
    tokio::spawn(connection);
    client
}

async fn broker_works(space: &Space) {
    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(space.amqp_url(), properties)
        .await
        .expect("a broker");
    let channel = connection.create_channel().await.expect("a channel");
    let mut arguments = lapin::types::FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        lapin::types::AMQPValue::LongString("quorum".into()),
    );
    let options = lapin::options::QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare("q".into(), options, arguments)
        .await
        .expect("a quorum queue");
    connection.close(200, "done".into()).await.expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_space_is_its_own_and_everything_goes_with_the_stack() {
    let stack = stack("test-spaces").await;
    let (first, second) = tokio::join!(stack.space("first"), stack.space("second"));
    let (first, second) = (first.expect("a space"), second.expect("a space"));
    broker_works(&first).await;
    broker_works(&second).await;

    let client = database(&first).await;
    client
        .batch_execute("CREATE TABLE only_here (n int); INSERT INTO only_here VALUES (7)")
        .await
        .expect("a table");
    assert!(
        database(&second)
            .await
            .query("SELECT * FROM only_here", &[])
            .await
            .is_err()
    );
    drop(client);

    let copied = copy_of(&stack, &first).await;
    let row = database(&copied)
        .await
        .query_one("SELECT n FROM only_here", &[])
        .await
        .expect("the copied row");
    assert_eq!(row.get::<_, i32>(0), 7);

    let management = stack.management().expect("a client");
    let queues = format!("/api/queues/{}", first.vhost());
    assert_eq!(
        management
            .get(&queues)
            .await
            .expect("queues")
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    // Answered by the plugin alone.
    management
        .get("/api/shovels")
        .await
        .expect("the shovels' management");

    let database_url = first.database_url().to_owned();
    first.remove().await.expect("a removed space");
    assert!(
        management.get(&queues).await.is_err(),
        "the virtual host is still there"
    );
    assert!(
        tokio_postgres::connect(&database_url, tokio_postgres::NoTls)
            .await
            .is_err()
    );

    let (amqp_url, files) = (second.amqp_url().to_owned(), stack.files());
    drop((second, copied));
    stack.stop().await;
    let refused = lapin::Connection::connect(&amqp_url, lapin::ConnectionProperties::default()).await;
    assert!(refused.is_err() || is_external(), "the broker is still there");
    assert!(!files.exists(), "{} is still there", files.display());
}

/// A copy, once the connections that the test has just closed are gone from the server.
async fn copy_of(stack: &Stack, template: &Space) -> Space {
    let until = Instant::now() + SOON;
    loop {
        match stack.space_from("copy", template).await {
            Ok(copy) => return copy,
            Err(error) => assert!(Instant::now() < until, "{error:#}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The user is killed without a chance to clear up: this test runs itself as that user.
#[test]
fn a_killed_user_takes_the_stack_and_its_processes_along() {
    const USER: &str = "STACK_TEST_USER_TELLS_WHERE";
    if let Some(told) = std::env::var_os(USER) {
        return be_a_user_until_killed(&PathBuf::from(told));
    }
    let told = topup_stack::stack_dir().join(format!("told-{}", std::process::id()));
    fs::create_dir_all(topup_stack::stack_dir()).expect("target/stack");
    let mut user = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "a_killed_user_takes_the_stack_and_its_processes_along",
            "--nocapture",
        ])
        .env(USER, &told)
        .spawn()
        .expect("another one of this program");
    let text = wait_for(LONGEST_START, || {
        assert!(
            user.try_wait().expect("its state").is_none(),
            "the user ended before its stack was up"
        );
        fs::read_to_string(&told).ok()
    });
    fs::remove_file(&told).expect("the file that it told us by");
    let (process, files) = text.split_once(' ').expect("a process and a directory");
    let (process, files) = (PathBuf::from(format!("/proc/{process}")), PathBuf::from(files));
    assert!(is_running(&process) && files.exists());

    user.kill().expect("a killed user");
    user.wait().expect("its end");
    wait_for(SOON, || (!is_running(&process) && !files.exists()).then_some(()));
    wait_for(SOON, || (servers_under(&files) == 0).then_some(()));
}

fn be_a_user_until_killed(told: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stack = runtime.block_on(stack("test-killed"));
    let mut process = Command::new("sleep").arg("600").spawn().expect("a process");
    stack.guard(process.id().cast_signed()).expect("a keeper");
    let draft = told.with_extension("draft");
    fs::write(&draft, format!("{} {}", process.id(), stack.files().display())).expect("a file");
    fs::rename(draft, told).expect("the file in place");
    // Longer than this process is let to live.
    process.wait().expect("an end");
}

/// A process that has ended, and that nobody has waited for yet, has no command line any longer.
fn is_running(process: &Path) -> bool {
    fs::read(process.join("cmdline")).is_ok_and(|line| !line.is_empty())
}

/// Processes that were started with a path inside the stack's directory.
fn servers_under(files: &Path) -> usize {
    let data = files.parent().expect("the stack's data").display().to_string();
    let processes = fs::read_dir("/proc").expect("processes").flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(&data))
        .count()
}

fn wait_for<T>(longest: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + longest;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited {} s in vain", longest.as_secs());
        thread::sleep(Duration::from_millis(50));
    }
}

fn is_external() -> bool {
    std::env::var("TOPUP_STACK").is_ok_and(|mode| mode == "external")
}
