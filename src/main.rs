//! Entry point: picks the tool by the name the binary was called with.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::ExitCode;

use redoubt::config::values::Text;
use redoubt::config::{self, Invocation};
use redoubt::server::{banner, boot};
use redoubt::sys::title;
use redoubt::util::version;

fn main() -> ExitCode {
    title::init();
    let mut args = title::args().into_iter();
    let called_as = args.next().unwrap_or_default();
    let name = Path::new(&called_as).file_name().unwrap_or(OsStr::new("")).as_bytes();
    if name.ends_with(b"check-rdb") {
        let words: Vec<Text> = args.map(OsStringExt::into_vec).collect();
        let status = redoubt::persist::rdb::check::main(&called_as.to_string_lossy(), &words);
        return ExitCode::from(u8::try_from(status).unwrap_or(1));
    }
    if name.ends_with(b"check-aof") {
        let words: Vec<Text> = args.map(OsStringExt::into_vec).collect();
        let status = redoubt::persist::aof::check::main(&called_as.to_string_lossy(), &words);
        return ExitCode::from(u8::try_from(status).unwrap_or(1));
    }
    if name.ends_with(b"sentinel") {
        eprintln!("This build of Redoubt does not contain redis-sentinel.");
        return ExitCode::FAILURE;
    }
    let args: Vec<Text> = args.map(OsStringExt::into_vec).collect();
    match config::parse_args(&args) {
        Ok(Invocation::Version) => println!("{}", version::line("Redis server")),
        Ok(Invocation::Help) => {
            eprint!("{}", config::USAGE);
            return ExitCode::FAILURE;
        }
        Ok(Invocation::CheckSystem) => {
            if !banner::check_system() {
                return ExitCode::FAILURE;
            }
        }
        Ok(Invocation::TestMemory { .. }) => {
            eprintln!("This build of Redoubt has no memory test.");
            return ExitCode::FAILURE;
        }
        Ok(Invocation::Serve(sources)) => return ExitCode::from(u8::try_from(boot::serve(&sources)).unwrap_or(1)),
        Err(text) => {
            eprint!("{text}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
