//! DEBUG PROTOCOL and DEBUG ERROR: replies of every type, for tests of clients.

use crate::dispatch::*;

pub fn protocol(ctx: &mut Ctx<'_>) -> CmdResult {
    let kind = ctx.args.at(2).to_ascii_lowercase();
    let reply = &mut *ctx.reply;
    match kind.as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.int(12345),
        b"double" => reply.double(3141.0 / 1000.0),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|n| reply.int(n));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|n| reply.int(n));
        }
        b"map" => {
            reply.map(3);
            for n in 0..3 {
                reply.int(n);
                reply.bool(n == 1);
            }
        }
        b"attrib" => {
            if reply.resp3 {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.int(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            if !reply.resp3 {
                return Err(CmdError::text("ERR RESP2 is not supported by this command"));
            }
            reply.bulk(b"Some real reply following the push reply");
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.int(42);
        }
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        b"verbatim" => reply.verbatim(b"This is a verbatim\nstring", "txt"),
        _ => {
            return Err(CmdError::text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(Flow::Done)
}

/// Answers with this error, code and all.
pub fn error(ctx: &mut Ctx<'_>) -> CmdResult {
    Err(CmdError::new(ctx.args.at(2)))
}

#[cfg(test)]
mod tests {
    use crate::server::testing::Session;

    #[test]
    fn every_type_in_both_versions() {
        let mut session = Session::new();
        assert_eq!(session.run("debug protocol map"), "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n");
        assert!(session.run("debug protocol push").starts_with("-ERR RESP2"));
        assert!(session.run("debug protocol nosuch").starts_with("-ERR Wrong protocol type name."));
        assert_eq!(session.run("debug error 'FOO bar'"), "-FOO bar\r\n");
        assert!(session.run("info errorstats").contains("errorstat_FOO:count=1"));
        let client = session.client;
        session.server.clients.get_mut(client).unwrap().reply.resp3 = true;
        assert_eq!(session.run("debug protocol map"), "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n");
        assert_eq!(session.run("debug protocol double"), ",3.141\r\n");
        assert_eq!(session.run("debug protocol bignum"), "(1234567999999999999999999999999999999\r\n");
    }
}
