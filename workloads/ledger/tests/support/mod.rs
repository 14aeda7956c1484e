//! Databases for the tests: a file of SQLite, and a throw-away PostgreSQL server on the loopback.
#![allow(dead_code, unused_macros, unused_imports)] // Each test file uses a part of it.

use jiff::Timestamp;
use rust_decimal::Decimal;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

pub const PASSWORD: &str = "correct-horse";

/// A running server. Its shell ends it by its pid, and removes its folder, as soon as the pipe to the shell's
/// standard input closes, which it does however the test process ends.
struct Server {
    port: u16,
    _shell: Child,
    _alive: ChildStdin,
}

const SCRIPT: &str = r#"
set -e
folder=$(mktemp -d)
pid=
trap 'if [ -n "$pid" ]; then kill -INT "$pid" 2>/dev/null; wait "$pid" || true; fi; rm -rf "$folder"' EXIT
printf %s "$3" > "$folder/password"
"$1/initdb" --pgdata "$folder/data" --username ats --pwfile "$folder/password" --auth scram-sha-256 \
    --no-sync --encoding UTF8 --locale C.UTF-8 > "$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }
"$1/postgres" -D "$folder/data" -p "$2" -k "$folder" -c listen_addresses=127.0.0.1 -c max_connections=200 \
    -c fsync=off > "$folder/server.log" 2>&1 &
pid=$!
tries=0
until "$1/pg_isready" -q -h 127.0.0.1 -p "$2"; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 "$pid" 2>/dev/null; then cat "$folder/server.log" >&2; exit 1; fi
    sleep 0.1
done
echo ready
read -r _ || true
"#;

fn binaries() -> PathBuf {
    let named = std::env::var_os("ATS_POSTGRES_BIN").map(PathBuf::from);
    let debian = ["15", "16", "17"].map(|v| PathBuf::from(format!("/usr/lib/postgresql/{v}/bin")));
    let on_path = std::env::var_os("PATH").map(|p| std::env::split_paths(&p).collect::<Vec<_>>());
    named
        .into_iter()
        .chain(debian)
        .chain(on_path.unwrap_or_default())
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .expect(
            "these tests need PostgreSQL: install it (Debian: apt-get install postgresql), \
             or set ATS_POSTGRES_BIN to the folder of initdb and postgres",
        )
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let user = Command::new("id").arg("-u").output().expect("id");
        // initdb refuses to run as root; Debian's package makes the user postgres.
        let root = String::from_utf8_lossy(&user.stdout).trim() == "0";
        let mut command = if root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let mut shell = command
            .args(["-c", SCRIPT, "sh"])
            .arg(binaries())
            .args([&port.to_string(), PASSWORD])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell for PostgreSQL");
        let alive = shell.stdin.take().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "PostgreSQL did not start; its log is above");
        Server { port, _shell: shell, _alive: alive }
    })
}

/// Where a test keeps its ledger.
pub struct Database {
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

pub fn sqlite() -> Database {
    let folder = tempfile::tempdir().unwrap();
    Database {
        url: format!("sqlite://{}", folder.path().join("sub/ledger.db").display()),
        _folder: Some(folder),
    }
}

pub fn postgres_url(password: &str, database: &str) -> String {
    format!("postgres://ats:{password}@127.0.0.1:{}/{database}", server().port)
}

pub async fn postgres() -> Database {
    use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(&postgres_url(PASSWORD, "postgres")).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    connection.close().await.unwrap();
    Database { url: postgres_url(PASSWORD, &name), _folder: None }
}

/// Runs one test function against both databases.
macro_rules! both {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let database = crate::support::sqlite();
                super::$name(&database.url).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let database = crate::support::postgres().await;
                super::$name(&database.url).await;
            }
        }
    )+ };
}
pub(crate) use both;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A statement that goes around the ledger, as a careless administrator would.
pub async fn tamper(url: &str, statement: &'static str) {
    use sqlx::{AnyConnection, Connection as _, Executor as _};
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.unwrap();
    connection.execute(statement).await.unwrap();
    connection.close().await.unwrap();
}

pub fn write_file(path: &Path, content: &[u8]) {
    std::fs::File::create(path).unwrap().write_all(content).unwrap();
}
