//! Roles as separate processes of the real binary, to be killed and started again by tests.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hub::testing::World;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secrecy::ExposeSecret as _;

/// How long a role may take until `/readyz` says yes; generous, since tests share the machine with builds.
const READY_LIMIT: Duration = Duration::from_mins(1);

/// One role's process.
pub(crate) struct Process {
    binary: PathBuf,
    arguments: Vec<&'static str>,
    environment: Vec<(String, String)>,
    child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

/// A role's subcommand, and the setting that says where it listens.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// REST, webhooks, live socket.
    Api,
    /// Telephony.
    Calls,
    /// Jobs of every queue.
    Worker,
    /// Periodic work.
    Scheduler,
    /// WhatsApp Web sessions.
    #[cfg(feature = "whatsapp-web")]
    ShardWorker,
}

impl Role {
    fn subcommand(self) -> (&'static str, &'static str) {
        match self {
            Self::Api => ("api", "SWITCHBOARD_LISTEN__API"),
            Self::Calls => ("calls", "SWITCHBOARD_LISTEN__CALLS"),
            Self::Worker => ("worker", "SWITCHBOARD_LISTEN__WORKER"),
            Self::Scheduler => ("scheduler", "SWITCHBOARD_LISTEN__SCHEDULER"),
            #[cfg(feature = "whatsapp-web")]
            Self::ShardWorker => ("shard-worker", "SWITCHBOARD_LISTEN__SHARD_WORKER"),
        }
    }
}

impl Process {
    /// Starts `role` over the stores of `world` and waits until it is ready. `settings` are further environment.
    pub(crate) async fn start(world: &World, role: Role, settings: &[(&str, String)]) -> Self {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_switchboard"));
        Self::of(binary, world, role, settings).await
    }

    /// The same of another build.
    pub(crate) async fn of(binary: PathBuf, world: &World, role: Role, settings: &[(&str, String)]) -> Self {
        let (subcommand, listen) = role.subcommand();
        let address = free_address();
        let config = &world.hub.config;
        let mut environment = vec![
            (listen.to_owned(), address.clone()),
            (
                "DATABASE_URL".to_owned(),
                config.database.url.expose_secret().to_owned(),
            ),
            (
                "REDIS_URL".to_owned(),
                config.redis.url.expose_secret().to_owned(),
            ),
            (
                "SECRET_KEY".to_owned(),
                config.secret_key.expose_secret().to_owned(),
            ),
            (
                "SWITCHBOARD_CALLS__STORAGE".to_owned(),
                config.calls.storage.clone(),
            ),
            ("RUST_LOG".to_owned(), "warn".to_owned()),
        ];
        environment.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let arguments = vec![subcommand];
        let child = spawn(&binary, &arguments, &environment);
        let process = Self {
            binary,
            arguments,
            environment,
            child,
            address,
        };
        process.ready().await;
        process
    }

    /// Ends it as kill -9 does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("kill a process we started");
        self.child.wait().expect("reap it");
    }

    /// Stops it in the middle of whatever it does, as a debugger or a starved host does; until [`Process::thaw`].
    #[cfg(feature = "whatsapp-web")]
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    #[cfg(feature = "whatsapp-web")]
    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(id, signal).expect("signal a process we started");
    }

    /// Starts it again where it was and waits until it is ready.
    pub(crate) async fn start_again(&mut self) {
        self.child = spawn(&self.binary, &self.arguments, &self.environment);
        self.ready().await;
    }

    /// Asks it to end (SIGTERM) and waits until it did.
    pub(crate) async fn stop(mut self) -> std::process::ExitStatus {
        self.signal(Signal::SIGTERM);
        loop {
            if let Some(status) = self.child.try_wait().expect("wait for it") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `http://address` and `path`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn ready(&self) {
        let client = plain_client();
        let url = self.url("/readyz");
        let answers = async {
            while !client
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        tokio::time::timeout(READY_LIMIT, answers)
            .await
            .unwrap_or_else(|_| panic!("{:?} was not ready in {READY_LIMIT:?}", self.arguments));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Its log is ours, or goes to the file that the setting `TEST_LOG_FILE` names.
fn spawn(binary: &Path, arguments: &[&str], environment: &[(String, String)]) -> Child {
    let log = environment.iter().find(|(name, _)| name == "TEST_LOG_FILE");
    let log = log.map(|(_, path)| std::fs::File::create(path).expect("make a file for its log"));
    Command::new(binary)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null())
        .stderr(log.map_or_else(Stdio::inherit, Stdio::from))
        .spawn()
        .expect("start the binary under test")
}

/// How many rounds a test goes: `usual`, or what `TEST_ROUNDS` says for the long suite.
#[cfg(feature = "whatsapp-web")]
pub(crate) fn rounds(usual: usize) -> usize {
    let said = std::env::var("TEST_ROUNDS");
    said.ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

/// An address that was free a moment ago.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind a port");
    listener.local_addr().expect("its address").to_string()
}

/// A plain HTTP client: loopback answers fast or not at all.
fn plain_client() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()
        .expect("an HTTP client")
}
