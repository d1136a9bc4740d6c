//! Elements of collections in replies, and the arguments that random picks of them have in common.

use crate::dispatch::CmdError;
use crate::encoding::listpack::Elem;
use crate::resp::{Args, Reply};
use crate::util::number::parse_i64;

/// An element as a bulk string.
#[inline]
pub fn bulk(reply: &mut Reply, elem: Elem<'_>) {
    match elem {
        Elem::Int(value) => reply.bulk_int(value),
        Elem::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// How many random elements a command asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picks {
    /// So many different ones.
    Distinct(usize),
    /// So many, each of which may come again.
    Repeated(usize),
}

impl Picks {
    /// More repeated elements than this are refused where nothing else limits the reply: their number is the client's to
    /// choose, whatever there is, and a reply of half a gigabyte is the least they make.
    pub const REPEATED_MAX: usize = 1 << 26;

    /// Parses the count at argument `index`: different elements if positive, repeated ones if negative.
    ///
    /// # Errors
    /// When it is no integer, or no use as a count.
    pub fn parse(args: Args<'_>, index: usize) -> Result<Picks, CmdError> {
        let count = parse_i64(args.at(index)).ok_or(CmdError::NOT_AN_INTEGER)?;
        if count == i64::MIN {
            return Err(CmdError::text(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        let picks = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(if count < 0 { Picks::Repeated(picks) } else { Picks::Distinct(picks) })
    }

    /// Refuses counts that no reply can have, twice the count with values.
    ///
    /// # Errors
    /// When the count is out of range.
    pub fn check(self, with_values: bool, reply: &Reply) -> Result<(), CmdError> {
        let (Picks::Distinct(count) | Picks::Repeated(count)) = self;
        let too_many = matches!(self, Picks::Repeated(_)) && count > Self::REPEATED_MAX && reply.limit_bytes == 0;
        if too_many || (with_values && count > (i64::MAX / 2) as usize) {
            return Err(CmdError::text("ERR value is out of range"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::OwnedArgs;

    #[test]
    fn counts_have_a_sign_and_a_range() {
        let parse = |word: &str| Picks::parse([word].into_iter().collect::<OwnedArgs>().view(), 0);
        assert_eq!(parse("3"), Ok(Picks::Distinct(3)));
        assert_eq!(parse("-3"), Ok(Picks::Repeated(3)));
        assert_eq!(parse("x"), Err(CmdError::NOT_AN_INTEGER));
        assert!(parse("-9223372036854775808").is_err());
        let (endless, limited) = (Reply::new(), Reply { limit_bytes: 1, ..Reply::new() });
        assert!(parse("9223372036854775807").unwrap().check(false, &endless).is_ok());
        assert!(parse("9223372036854775807").unwrap().check(true, &endless).is_err());
        assert!(parse("-9223372036854775807").unwrap().check(false, &endless).is_err());
        assert!(parse("-9223372036854775807").unwrap().check(false, &limited).is_ok());
        assert!(parse("-67108864").unwrap().check(true, &endless).is_ok());
    }
}
