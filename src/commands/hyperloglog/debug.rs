//! Looking into HyperLogLogs: PFDEBUG and PFSELFTEST.

use super::open;
use crate::dispatch::flags::Flag::*;
use crate::dispatch::keyspec::Use;
use crate::dispatch::*;
use crate::resp::{Args, Reply};
use crate::types::hyperloglog::{self as hll, Form};

pub static PFDEBUG: Command = Command::data("PFDEBUG", pfdebug)
    .summary("Shows the inner state of a HyperLogLog.")
    .since("2.8.9")
    .complexity("N/A")
    .group(Group::HyperLogLog)
    .arity(3)
    .flags(&[Write, DenyOom, Admin])
    .internal()
    .keys(&[Keys::one(2).does(&[Use::RW, Use::Access])])
    .args(&[string("subcommand"), key("key", 0)]);

fn pfdebug(db: &mut Db<'_>, args: Args<'_>, reply: &mut Reply) -> CmdResult {
    if args.is(1, "SIMD") {
        // There is one way to compute; both words are accepted.
        reply.simple(match args {
            _ if args.is(2, "ON") => "enabled",
            _ if args.is(2, "OFF") => "disabled",
            _ => return Err(CmdError::text("ERR Argument must be ON or OFF")),
        });
        return Ok(Flow::Done);
    }
    let key = args.at(2);
    let value = db.read_for_write(key).ok_or(CmdError::text("ERR The specified key does not exist"))?;
    let (bytes, form) = open(value)?;
    if args.is(1, "GETREG") {
        let mut registers = [0; hll::REGISTERS];
        hll::merge(bytes, form, &mut registers)?;
        if form == Form::Sparse {
            make_dense(db, key)?;
        }
        reply.array(registers.len());
        registers.iter().for_each(|value| reply.int(i64::from(*value)));
    } else if args.is(1, "DECODE") {
        if form == Form::Dense {
            return Err(CmdError::text("ERR HLL encoding is not sparse"));
        }
        let runs = hll::sparse::runs(bytes).map(|run| match run {
            hll::sparse::Run { value: 0, len, bytes: 2 } => format!("Z:{len}"),
            hll::sparse::Run { value: 0, len, .. } => format!("z:{len}"),
            hll::sparse::Run { value, len, .. } => format!("v:{value},{len}"),
        });
        reply.bulk(runs.collect::<Vec<_>>().join(" ").as_bytes());
    } else if args.is(1, "ENCODING") {
        reply.simple(if form == Form::Dense { "dense" } else { "sparse" });
    } else if args.is(1, "TODENSE") {
        if form == Form::Sparse {
            make_dense(db, key)?;
        }
        reply.int(i64::from(form == Form::Sparse));
    } else {
        let shown = String::from_utf8_lossy(args.at(1)).into_owned();
        return Err(CmdError::err(format!("Unknown PFDEBUG subcommand '{shown}'")));
    }
    Ok(Flow::Done)
}

/// Converts a sparse one: a change of the string, though not of what it means.
fn make_dense(db: &mut Db<'_>, key: &[u8]) -> Result<(), CmdError> {
    if let Some(value) = db.read_for_write(key) {
        let dense = hll::to_dense(open(value)?.0)?;
        db.edit_string(key, dense.len(), |to| to.copy_from_slice(&dense));
        db.env.fx.dirty += 1;
    }
    Ok(())
}

pub static PFSELFTEST: Command = Command::data("PFSELFTEST", pfselftest)
    .summary("Tests that HyperLogLogs work on this machine.")
    .since("2.8.9")
    .complexity("N/A")
    .group(Group::HyperLogLog)
    .arity(1)
    .flags(&[Admin])
    .internal();

fn pfselftest(db: &mut Db<'_>, _args: Args<'_>, reply: &mut Reply) -> CmdResult {
    const FAILED: CmdError = CmdError::text("TESTFAILED registers do not hold what they are given");
    let mut rng = db.env.rng.fork();
    let (mut model, mut dense) = ([0u8; hll::REGISTERS], hll::to_dense(&hll::empty())?);
    let registers = &mut dense[hll::HEADER_BYTES..];
    for _ in 0..100_000 {
        let (index, value) = (rng.usize(..hll::REGISTERS), rng.u8(1..64));
        if hll::dense::raise(registers, index, value) != (model[index] < value) {
            return Err(FAILED);
        }
        model[index] = model[index].max(value);
    }
    let mut same = true;
    hll::dense::each(registers, |index, value| same &= model[index] == value);
    if !same {
        return Err(FAILED);
    }
    let (mut sparse, mut dense, seed) = (hll::empty(), hll::to_dense(&hll::empty())?, rng.u64(..));
    let mut checkpoint = 1u64;
    for shown in 1..=100_000u64 {
        let (index, value) = hll::place(&(shown ^ seed).to_le_bytes());
        hll::raise(&mut sparse, index, value, db.env.config.hll_sparse_max_bytes as usize)?;
        hll::raise(&mut dense, index, value, 0)?;
        if shown == checkpoint {
            let counts = [&sparse, &dense].map(|bytes| hll::form(bytes).map(|form| hll::count(bytes, form)));
            let [Ok(Ok(one)), Ok(Ok(other))] = counts else { return Err(FAILED) };
            // Four times the expected relative error of 1.04 / sqrt(registers); for small numbers, one off.
            let allowed = (4.0 * 0.008_125 * shown as f64).ceil() as u64 + u64::from(shown < 100);
            if one != other || one.abs_diff(shown) > allowed {
                return Err(CmdError::new(format!("TESTFAILED Too big error. card:{shown} estimated:{one}")));
            }
            checkpoint *= 10;
        }
    }
    reply.ok();
    Ok(Flow::Done)
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn the_inside() {
        let mut s = Session::new();
        s.run("PFADD h a");
        assert_eq!(s.run("PFDEBUG DECODE h"), "$20\r\nZ:12711 v:2,1 Z:3672\r\n");
        assert!(s.run("PFDEBUG GETREG h").starts_with("*16384\r\n:0\r\n"));
        assert_eq!(s.run("PFDEBUG ENCODING h"), "+dense\r\n");
        assert_eq!(s.run("PFDEBUG TODENSE h"), ":0\r\n");
        assert_eq!(s.run("PFDEBUG SIMD on"), "+enabled\r\n");
        for (line, error) in [
            ("PFDEBUG DECODE h", "HLL encoding is not sparse"),
            ("PFDEBUG DECODE none", "The specified key does not exist"),
            ("PFDEBUG x h", "Unknown PFDEBUG subcommand 'x'"),
            ("PFDEBUG SIMD x", "Argument must be ON or OFF"),
        ] {
            assert_eq!(s.run(line), format!("-ERR {error}\r\n"));
        }
        assert_eq!(s.run("PFSELFTEST"), "+OK\r\n");
    }
}
