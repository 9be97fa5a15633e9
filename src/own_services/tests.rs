//! Tests of the launcher with the machine's real Postgres and Redis, as root or not.
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::{OwnServices, Wanted, postgres, server_binaries};

const BOTH: Wanted = Wanted {
    postgres: true,
    redis: true,
};

/// A folder that the servers' account can reach, as a checkout in a home folder usually is.
fn home() -> TempDir {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .unwrap()
}

async fn start(home: &TempDir) -> OwnServices {
    OwnServices::start(&home.path().join(".switchboard"), BOTH)
        .await
        .unwrap()
}

/// What psql prints for one statement.
async fn psql(url: &str, statement: &str) -> String {
    let program = server_binaries::postgres(None).unwrap().program("psql");
    let output = Command::new(program)
        .args(["-XAtc", statement, url])
        .output()
        .await
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8(said).unwrap().trim().to_owned()
}

/// What Redis answers to inline commands, the password's first.
async fn redis(url: &str, commands: &str) -> String {
    let (password, address) = url.trim_start_matches("redis://:").split_once('@').unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("AUTH {password}\r\n{commands}\r\nQUIT\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn owner_url(services: &OwnServices) -> String {
    services.addresses().unwrap().owner_url.unwrap()
}

fn login_url(services: &OwnServices) -> String {
    services.addresses().unwrap().database_url.unwrap()
}

fn redis_url(services: &OwnServices) -> String {
    services.addresses().unwrap().redis_url.unwrap()
}

fn server_pid(home: &TempDir) -> i32 {
    let pid_file = home.path().join(".switchboard/postgres/data/postmaster.pid");
    fs::read_to_string(pid_file)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

fn alive(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn what_was_written_is_there_after_a_clean_stop_and_a_second_start() {
    let home = home();
    let services = start(&home).await;
    let owner = owner_url(&services);
    assert_eq!(
        psql(&owner, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)").await,
        "CREATE TABLE\nINSERT 0 1"
    );
    assert!(
        redis(&redis_url(&services), "SET kept 7")
            .await
            .ends_with("+OK\r\n+OK\r\n+OK\r\n")
    );
    let pid = server_pid(&home);
    services.stop().await;
    assert!(!alive(pid));

    let services = start(&home).await;
    assert_eq!(psql(&owner, "SELECT n FROM kept").await, "7");
    assert!(
        redis(&redis_url(&services), "GET kept")
            .await
            .contains("\r\n7\r\n")
    );
    services.stop().await;
}

#[tokio::test]
async fn the_login_of_the_roles_owns_nothing_and_can_take_on_both_roles_only() {
    let home = home();
    let services = start(&home).await;
    let (owner, login) = (owner_url(&services), login_url(&services));
    psql(&owner, "CREATE TABLE private (n int)").await;
    assert!(
        psql(&login, "SELECT * FROM private")
            .await
            .contains("permission denied")
    );
    assert!(
        psql(&login, "CREATE TABLE mine (n int)")
            .await
            .contains("permission denied")
    );
    assert_eq!(
        psql(
            &login,
            "SET ROLE switchboard_app; SET ROLE switchboard_system; SELECT current_user"
        )
        .await,
        "SET\nSET\nswitchboard_system"
    );
    assert!(
        psql(&login, &format!("SET ROLE {}", postgres::OWNER))
            .await
            .contains("permission denied")
    );
    let rights = "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user";
    assert_eq!(psql(&login, rights).await, "f");
    assert_eq!(psql(&owner, rights).await, "f");
    assert_eq!(psql(&login, "SHOW max_connections").await, "200");
    services.stop().await;
}

#[tokio::test]
async fn redis_keeps_every_write_evicts_nothing_and_asks_for_a_password() {
    let home = home();
    let services = start(&home).await;
    let url = redis_url(&services);
    assert!(
        redis(&url, "CONFIG GET maxmemory-policy")
            .await
            .contains("noeviction")
    );
    assert!(redis(&url, "CONFIG GET appendonly").await.contains("yes"));
    let (_, address) = url.split_once('@').unwrap();
    assert!(
        redis(&format!("redis://:wrong@{address}"), "PING")
            .await
            .contains("NOAUTH")
    );
    services.stop().await;
}

#[tokio::test]
async fn a_second_start_in_the_same_folder_is_refused_while_the_first_runs() {
    let home = home();
    let services = start(&home).await;
    let refusal = OwnServices::start(&home.path().join(".switchboard"), BOTH)
        .await
        .err()
        .unwrap();
    assert!(
        refusal
            .to_string()
            .contains("another `switchboard up` already runs"),
        "{refusal:#}"
    );
    services.stop().await;
}

#[tokio::test]
async fn servers_killed_outright_start_again_with_their_data() {
    let home = home();
    let services = start(&home).await;
    let owner = owner_url(&services);
    psql(&owner, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)").await;
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(server_pid(&home)),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    let mut services = services;
    assert_eq!(services.failed().await, "Postgres");
    services.stop().await;

    let services = start(&home).await;
    assert_eq!(psql(&owner, "SELECT n FROM kept").await, "7");
    services.stop().await;
}

#[tokio::test]
async fn an_orphan_is_stopped_and_a_stale_lock_with_a_living_number_is_cleared() {
    let home = home();
    let services = start(&home).await;
    let orphan = server_pid(&home);
    // Forgotten rather than stopped: only the lock on the folder goes.
    let OwnServices {
        postgres,
        redis,
        folder,
    } = services;
    drop(folder);
    let services = start(&home).await;
    assert!(!alive(orphan) || server_pid(&home) != orphan);
    drop((postgres, redis));
    let url = owner_url(&services);
    services.stop().await;

    // The number of a process that lives, but is not a Postgres: our own parent's, say.
    let pid_file = home.path().join(".switchboard/postgres/data/postmaster.pid");
    fs::write(&pid_file, "1\n/elsewhere\n").unwrap();
    let services = start(&home).await;
    assert_eq!(psql(&url, "SELECT 1").await, "1");
    services.stop().await;
}

#[tokio::test]
async fn an_unfinished_first_start_is_begun_again() {
    let home = home();
    let base = home.path().join(".switchboard/postgres");
    fs::create_dir_all(base.join("data.unfinished/base")).unwrap();
    let services = start(&home).await;
    assert!(!base.join("data.unfinished").exists());
    fs::remove_file(base.join("roles-created")).unwrap();
    services.stop().await;
    // The roles exist, but the note that says so was never written.
    let services = start(&home).await;
    assert_eq!(psql(&login_url(&services), "SELECT 1").await, "1");
    services.stop().await;
}

#[tokio::test]
async fn a_folder_with_a_long_or_odd_name_gets_its_socket_elsewhere() {
    let home = home();
    let odd = home.path().join("a folder, with \"quotes\"").join("x".repeat(90));
    let services = OwnServices::start(&odd, BOTH).await.unwrap();
    assert_eq!(psql(&login_url(&services), "SELECT 1").await, "1");
    services.stop().await;
}
