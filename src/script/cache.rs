//! The scripts that EVALSHA finds.
//!
//! Those of SCRIPT LOAD stay until they are flushed. Of those that came by EVAL the five hundred used last stay: applications that make
//! up a script for every call would fill the memory otherwise. A script is compiled when it is loaded, to tell its errors, and
//! becomes a function when it first runs.
//!
//! What always holds: `recent` names exactly the scripts that came by EVAL, by the count at which each was last used.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use sha1::{Digest, Sha1};

use super::shebang::ScriptFlags;
use super::vm::Ref;
use crate::sys::defrag::Mover;

/// Most scripts kept of those that came by EVAL.
pub const EVAL_SCRIPTS_MAX: usize = 500;

/// Scripts that one call of [`Cache::defrag`] moves.
const DEFRAG_SCRIPTS: usize = 64;

/// What names a script: the SHA1 of its text.
pub type Digest20 = [u8; 20];

/// A script.
pub struct Script {
    pub body: Box<[u8]>,
    pub flags: ScriptFlags,
    /// Where its code begins, behind the shebang.
    pub code_at: u32,
    /// The function it is, once it has run.
    pub function: Option<Ref>,
    /// Runs so far, as far as anyone counts.
    runs: u8,
    /// When it was last used, if it came by EVAL.
    used: Option<u64>,
}

impl Script {
    /// It is about to run; whether for the `nth` time.
    #[inline]
    pub fn runs_for_the(&mut self, nth: u8) -> bool {
        count_run(&mut self.runs, nth)
    }
}

/// Counts one run more; whether it is the `nth`.
#[inline]
pub fn count_run(runs: &mut u8, nth: u8) -> bool {
    if *runs >= nth {
        return false;
    }
    *runs += 1;
    *runs == nth
}

/// Scripts by their digest.
#[derive(Default)]
pub struct Cache {
    scripts: HashMap<Digest20, Script>,
    recent: BTreeMap<u64, Digest20>,
    clock: u64,
    body_bytes: usize,
}

/// The digest of a script's text.
pub fn digest(body: &[u8]) -> Digest20 {
    Sha1::digest(body).into()
}

/// A digest in hexadecimal.
pub fn hex(digest: &Digest20) -> [u8; 40] {
    let mut out = [0; 40];
    for (at, byte) in digest.iter().enumerate() {
        out[2 * at] = b"0123456789abcdef"[usize::from(byte >> 4)];
        out[2 * at + 1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    out
}

/// The digest that 40 hexadecimal digits are, in any case.
pub fn parse(text: &[u8]) -> Option<Digest20> {
    let digits: &[u8; 40] = text.try_into().ok()?;
    let mut out = [0; 20];
    for (at, pair) in digits.chunks_exact(2).enumerate() {
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        out[at] = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

impl Cache {
    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    /// Moves the texts of some scripts from the `index`th on; returns the number to go on from, 0 at the end. Scripts that come or
    /// go in between shift them.
    pub fn defrag(&mut self, index: usize, mover: &mut Mover) -> usize {
        let some = self.scripts.values_mut().skip(index).take(DEFRAG_SCRIPTS);
        let moved = some.map(|script| mover.slice(&mut script.body)).count();
        if moved == DEFRAG_SCRIPTS { index + moved } else { 0 }
    }

    /// The script of that digest.
    pub fn get(&self, digest: &Digest20) -> Option<&Script> {
        self.scripts.get(digest)
    }

    /// The same, about to run.
    #[inline]
    pub fn used(&mut self, digest: &Digest20) -> Option<&mut Script> {
        let script = self.scripts.get_mut(digest)?;
        if let Some(at) = script.used
            && at != self.clock
        {
            self.clock += 1;
            self.recent.remove(&at);
            self.recent.insert(self.clock, *digest);
            script.used = Some(self.clock);
        }
        Some(script)
    }

    /// Adds a script; `by_eval`: it may be dropped again. Returns the functions of those dropped to make room, and how many they were.
    pub fn add(&mut self, digest: Digest20, body: &[u8], flags: ScriptFlags, code_at: usize, by_eval: bool) -> (Vec<Ref>, u64) {
        let (mut dropped, mut count) = (Vec::new(), 0);
        let used = by_eval.then(|| {
            self.clock += 1;
            while self.recent.len() >= EVAL_SCRIPTS_MAX
                && let Some((_, oldest)) = self.recent.pop_first()
            {
                count += 1;
                if let Some(script) = self.scripts.remove(&oldest) {
                    self.body_bytes -= script.body.len();
                    dropped.extend(script.function);
                }
            }
            self.recent.insert(self.clock, digest);
            self.clock
        });
        self.body_bytes += body.len();
        let script = Script { body: body.into(), flags, code_at: code_at as u32, function: None, runs: 0, used };
        if let Some(old) = self.scripts.insert(digest, script) {
            self.body_bytes -= old.body.len();
            self.recent.remove(&old.used.unwrap_or_default());
            dropped.extend(old.function);
        }
        (dropped, count)
    }

    /// The script is not to be dropped any more.
    pub fn keep(&mut self, digest: &Digest20) {
        if let Some(script) = self.scripts.get_mut(digest)
            && let Some(at) = script.used.take()
        {
            self.recent.remove(&at);
        }
    }

    /// Bytes that texts and tables take.
    pub fn mem_bytes(&self) -> usize {
        self.body_bytes
            + self.scripts.capacity() * (size_of::<(Digest20, Script)>() + 1)
            + self.recent.len() * (size_of::<(u64, Digest20)>() + 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u32) -> Digest20 {
        digest(&n.to_le_bytes())
    }

    #[test]
    fn digests_are_hexadecimal_both_ways() {
        let digest = digest(b"return 1");
        assert_eq!(&hex(&digest), b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        assert_eq!(parse(b"E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"), Some(digest));
        assert_eq!((parse(b"e0e1"), parse(&[b'g'; 40])), (None, None));
    }

    #[test]
    fn those_used_last_stay() {
        let mut cache = Cache::default();
        for n in 0..500 {
            cache.add(name(n), b"x", ScriptFlags::empty(), 0, true);
        }
        cache.add(name(1000), b"loaded", ScriptFlags::empty(), 0, false);
        assert!(cache.used(&name(0)).is_some());
        assert_eq!(cache.add(name(500), b"x", ScriptFlags::empty(), 0, true).1, 1);
        assert!(cache.get(&name(0)).is_some() && cache.get(&name(1)).is_none());
        cache.keep(&name(2));
        for n in 501..1001 {
            cache.add(name(n + 1000), b"x", ScriptFlags::empty(), 0, true);
        }
        assert!(cache.get(&name(2)).is_some() && cache.get(&name(1000)).is_some() && cache.get(&name(0)).is_none());
        assert_eq!(cache.len(), 502);
        assert_eq!(cache.recent.len(), 500);
        assert_eq!(cache.body_bytes, 501 + 6);
    }
}
