//! Looks at a snapshot without loading it: what `redis-check-rdb` does, and what a server does whose snapshot was damaged.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use super::format::{kind, op};
use super::read::{Reading, module_name};
use super::source::{Error, Source};
use super::stream::{Alone, Checksum, Stream, version};
use crate::config::Config;
use crate::keyspace::Env;
use crate::sys::clock;
use crate::sys::disk::{Disk, DiskFile, Open, RealDisk};
use crate::util::quote;

/// What was being done, in upstream's words.
#[derive(Clone, Copy, Default)]
enum Doing {
    #[default]
    Start,
    ReadType,
    ReadExpire,
    ReadKey,
    ReadValue,
    CheckSum,
    ReadLen,
    ReadAux,
    ReadModuleAux,
    ReadFunctions,
}

impl Doing {
    fn name(self) -> &'static str {
        match self {
            Doing::Start => "start",
            Doing::ReadType => "read-type",
            Doing::ReadExpire => "read-expire",
            Doing::ReadKey => "read-key",
            Doing::ReadValue => "read-object-value",
            Doing::CheckSum => "check-sum",
            Doing::ReadLen => "read-len",
            Doing::ReadAux => "read-aux",
            Doing::ReadModuleAux => "read-module-aux",
            Doing::ReadFunctions => "read-functions",
        }
    }
}

/// What has been found so far.
#[derive(Default)]
struct Findings {
    report: String,
    doing: Doing,
    key: Option<Vec<u8>>,
    kind: Option<u8>,
    keys: u64,
    expires: u64,
    already_expired: u64,
}

impl Findings {
    fn line(&mut self, offset: u64, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.report, "[offset {offset}] {text}");
    }

    fn figures(&mut self) {
        let figures =
            [(self.keys, "keys read"), (self.expires, "expires"), (self.already_expired, "already expired"), (0, "subexpires")];
        for (figure, name) in figures {
            let _ = writeln!(self.report, "[info] {figure} {name}");
        }
    }
}

/// The verdict on a file.
pub struct Verdict {
    /// Lines for people, each with its end.
    pub report: String,
    pub good: bool,
    /// Where the snapshot ends, if it is good.
    pub bytes: u64,
}

/// Looks at the snapshot that a file begins with.
pub fn check(name: &str, file: Arc<dyn DiskFile>) -> Verdict {
    let mut findings = Findings::default();
    findings.line(0, format_args!("Checking RDB file {name}"));
    let mut input = match Stream::new(file, Alone, true) {
        Ok(input) => input,
        Err(error) => {
            let _ = writeln!(findings.report, "Cannot read the file: {error}");
            return Verdict { report: findings.report, good: false, bytes: 0 };
        }
    };
    let outcome = records(&mut input, &mut findings);
    let offset = input.offset();
    match &outcome {
        Ok(()) => findings.line(offset, format_args!("\\o/ RDB looks OK! \\o/")),
        Err(error) => {
            findings.report.push_str("--- RDB ERROR DETECTED ---\n");
            match error {
                Error::Truncated => findings.line(offset, format_args!("Unexpected EOF reading RDB file")),
                error => findings.line(offset, format_args!("{error}")),
            }
            let _ = writeln!(findings.report, "[additional info] While doing: {}", findings.doing.name());
            if let Some(key) = &findings.key {
                let shown = String::from_utf8_lossy(&quote::repr(key)).into_owned();
                let _ = writeln!(findings.report, "[additional info] Reading key '{}'", &shown[1..shown.len() - 1]);
            }
            if let Some(number) = findings.kind {
                let _ = writeln!(findings.report, "[additional info] Reading type {number} ({})", kind::name(number));
            }
        }
    }
    findings.figures();
    Verdict { report: findings.report, good: outcome.is_ok(), bytes: offset }
}

fn records(input: &mut Stream<Alone>, findings: &mut Findings) -> Result<(), Error> {
    let (family, version) = version(input)?;
    let env = Env::new(Config::default());
    let reading = Reading::new(&env, family, true);
    let now_ms = clock::wall_ms();
    let mut expiry_ms = None;
    loop {
        findings.doing = Doing::ReadType;
        let code = input.byte()?;
        match code {
            op::EXPIRE_S => {
                findings.doing = Doing::ReadExpire;
                expiry_ms = Some(u64::from(u32::from_le_bytes(input.array()?)) * 1000);
            }
            op::EXPIRE_MS => {
                findings.doing = Doing::ReadExpire;
                expiry_ms = Some(u64::try_from(i64::from_le_bytes(input.array()?)).unwrap_or(0));
            }
            op::FREQ => {
                input.byte()?;
            }
            op::IDLE => {
                input.len()?;
            }
            op::EOF => break,
            op::SELECT_DB => {
                findings.doing = Doing::ReadLen;
                let index = input.len()?;
                findings.line(input.offset(), format_args!("Selecting DB ID {index}"));
            }
            op::RESIZE_DB | op::SLOT_INFO => {
                findings.doing = Doing::ReadLen;
                for _ in 0..if code == op::RESIZE_DB { 2 } else { 3 } {
                    input.len()?;
                }
            }
            op::AUX => {
                findings.doing = Doing::ReadAux;
                let (mut name, mut value) = (Vec::new(), Vec::new());
                input.append_text(&mut name)?;
                input.append_text(&mut value)?;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                findings.line(input.offset(), format_args!("AUX FIELD {} = '{}'", text(&name), text(&value)));
            }
            op::FUNCTION => {
                findings.doing = Doing::ReadFunctions;
                input.text(|_| ())?;
            }
            op::FUNCTION_PRE_GA => return Err(Error::unsupported("Pre-release function format not supported.")),
            op::MODULE_AUX => {
                findings.doing = Doing::ReadModuleAux;
                let name = module_name(input.len()?);
                findings.line(input.offset(), format_args!("MODULE AUX for: {name}"));
                return Err(Error::unsupported("it holds data of a module, which this server does not have"));
            }
            op::SLOT_IMPORT => return Err(Error::unsupported("it was made in the middle of a slot migration")),
            number => {
                findings.kind = Some(number);
                findings.doing = Doing::ReadKey;
                let mut key = Vec::new();
                input.append_text(&mut key)?;
                findings.key = Some(key);
                findings.keys += 1;
                findings.doing = Doing::ReadValue;
                match reading.value(input, number) {
                    Ok(_) | Err(Error::Empty) => {}
                    Err(error) => return Err(error),
                }
                findings.expires += u64::from(expiry_ms.is_some());
                findings.already_expired += u64::from(expiry_ms.is_some_and(|when_ms| when_ms < now_ms));
                (findings.key, findings.kind, expiry_ms) = (None, None, None);
            }
        }
    }
    if version < 5 {
        return Ok(());
    }
    findings.doing = Doing::CheckSum;
    match input.checksum()? {
        Checksum::Right => findings.line(input.offset(), format_args!("Checksum OK")),
        Checksum::Absent | Checksum::Unknown => {
            findings.line(input.offset(), format_args!("RDB file was saved with checksum disabled: no check performed."));
        }
        Checksum::Wrong { .. } => return Err(Error::corrupt("RDB CRC error")),
    }
    Ok(())
}

/// The tool: looks at the file that it is given and says what it has found. Answers the status to exit with.
pub fn main(program: &str, words: &[Vec<u8>]) -> i32 {
    let [word] = words else {
        eprintln!("Usage: {program} <rdb-file-name>");
        return 1;
    };
    if word == b"-v" || word == b"--version" {
        println!("{}", crate::util::version::line("redis-check-rdb"));
        return 0;
    }
    let path: &Path = crate::config::host::path(word);
    match RealDisk.open(path, Open::Read) {
        Ok(file) => {
            let verdict = check(&path.display().to_string(), file);
            print!("{}", verdict.report);
            i32::from(!verdict.good)
        }
        Err(error) => {
            println!("[offset 0] Checking RDB file {}", path.display());
            println!("Cannot open the file: {}", crate::config::file::reason(&error));
            1
        }
    }
}
