//! Starts a server, ours or a genuine one, on a free port in a temporary folder.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Client;

const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running server; killed, and its folder removed, when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
    pub folder: tempfile::TempDir,
}

/// The server under test: our binary, unless `REDOUBT_TEST_SERVER` names another (to try the tests themselves on
/// a genuine one).
pub fn our_binary() -> String {
    std::env::var("REDOUBT_TEST_SERVER").unwrap_or_else(|_| env!("CARGO_BIN_EXE_redoubt-server").to_string())
}

impl Server {
    /// Start our binary with these arguments besides port and folder, and wait until it answers PING.
    #[track_caller]
    pub fn start(args: &[&str]) -> Server {
        Server::start_program(&our_binary(), args)
    }

    /// Start any server; `program` may carry arguments of its own, with blanks between.
    #[track_caller]
    pub fn start_program(program: &str, args: &[&str]) -> Server {
        let mut server = Server::spawn(program, args);
        if let Err(why) = server.wait_until_ready() {
            panic!("{program} {args:?}: {why}\n{}", server.log());
        }
        server
    }

    /// Start without waiting.
    #[track_caller]
    pub fn spawn(program: &str, args: &[&str]) -> Server {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let log = File::create(folder.path().join("stdout")).expect("a file for the output");
        let mut words = program.split_whitespace();
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).args(["--port", &port.to_string(), "--dir"]).arg(folder.path());
        command.args(["--bind", "127.0.0.1", "--save", ""]).args(args).current_dir(folder.path()).env("LC_ALL", "C");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        Server { child, port, folder }
    }

    /// Wait for PING to be answered, be it with an error; says why when it never is.
    pub fn wait_until_ready(&mut self) -> Result<(), String> {
        let end = Instant::now() + START_TIMEOUT;
        while Instant::now() < end {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("ended with {status}"));
            }
            if let Ok(mut client) = Client::tcp_with_timeout(self.port, START_TIMEOUT)
                && client.call(&["PING"]).is_ok()
            {
                return Ok(());
            }
            sleep(Duration::from_millis(5));
        }
        Err("does not answer".to_string())
    }

    #[track_caller]
    pub fn client(&self) -> Client {
        Client::tcp(self.port).unwrap_or_else(|error| panic!("connect: {error}\n{}", self.log()))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// What the server wrote to its standard output and error.
    pub fn log(&self) -> String {
        read_text(&self.path("stdout"))
    }

    /// A field of INFO, from a connection made for it.
    #[track_caller]
    pub fn info(&self, field: &str) -> String {
        info_field(&mut self.client(), field)
    }

    /// Wait for the process to end.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + timeout;
        loop {
            match self.child.try_wait() {
                Ok(None) if Instant::now() < end => sleep(Duration::from_millis(5)),
                Ok(status) => return status,
                Err(_) => return None,
            }
        }
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A field of INFO; empty when it is not there.
#[track_caller]
pub fn info_field(client: &mut Client, field: &str) -> String {
    let text = client.run("INFO everything").text();
    let prefix = format!("{field}:");
    text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or("").trim_end().to_string()
}

pub fn read_text(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// A port nobody listens on. The ports of one process are distinct; two processes start at different places.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id().wrapping_mul(37) % 20000;
    for _ in 0..20000 {
        let offset = (start + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % 20000;
        let port = 10000 + offset as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}
