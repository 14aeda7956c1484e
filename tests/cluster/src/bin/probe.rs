//! What the harness's own tests run in containers: it does what its arguments say, one after the other.
//!
//! ```text
//! print TEXT        one line on standard output
//! index             prints JOB_COMPLETION_INDEX
//! terminate TEXT    writes the termination message
//! version           asks the API server for its version through the service address, with the service account
//! connect ADDRESS   opens a TCP connection
//! write PATH TEXT   writes a file
//! allocate MIB      takes that much memory
//! sleep SECONDS
//! exit CODE
//! ```
#![allow(clippy::print_stdout, reason = "its output is what the tests read")]

use std::error::Error;
use std::hint::black_box;
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    while let Some(verb) = arguments.next() {
        let mut next = || arguments.next().unwrap_or_default();
        let done = match verb.as_str() {
            "print" => print(&next()),
            "index" => print(&std::env::var("JOB_COMPLETION_INDEX").unwrap_or_else(|_| "none".into())),
            "terminate" => std::fs::write("/dev/termination-log", next()).map_err(Into::into),
            "version" => version(),
            "connect" => connect(&next()),
            "write" => {
                let (path, text) = (next(), next());
                std::fs::write(path, text).map_err(Into::into)
            }
            "allocate" => allocate(&next()),
            "sleep" => sleep(&next()),
            "exit" => return ExitCode::from(next().parse::<u8>().unwrap_or(255)),
            other => Err(format!("unknown verb {other}").into()),
        };
        if let Err(error) = done {
            eprintln!("{verb}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

type Done = Result<(), Box<dyn Error>>;

fn print(text: &str) -> Done {
    println!("{text}");
    Ok(())
}

fn version() -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let version = runtime.block_on(async {
        let config = kube::Config::incluster_env()?;
        let version = kube::Client::try_from(config)?.apiserver_version().await?;
        Ok::<_, Box<dyn Error>>(version)
    })?;
    print(&format!("API server {}", version.git_version))
}

fn connect(address: &str) -> Done {
    TcpStream::connect_timeout(&address.parse()?, Duration::from_secs(5))?;
    print(&format!("connected to {address}"))
}

fn allocate(mebibytes: &str) -> Done {
    let mut all = Vec::new();
    for _ in 0..mebibytes.parse::<usize>()? {
        // Written to, so that the kernel has to find it.
        all.push(black_box(vec![1_u8; 1 << 20]));
    }
    print(&format!("took {} MiB", all.len()))
}

fn sleep(seconds: &str) -> Done {
    std::thread::sleep(Duration::from_secs(seconds.parse()?));
    Ok(())
}
