//! How much output a client may let pile up before it is closed.

use super::client::Client;
use crate::config::values::OutputLimit;

/// What a client's pending output says about its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Within,
    /// Over the hard limit, or over the soft one for too long.
    Over,
}

/// Judges `client`'s pending output, and notes since when it is over the soft limit.
#[inline]
pub fn judge(client: &mut Client, limit: &OutputLimit, pending: usize, now_ms: u64) -> Verdict {
    let pending = pending as u64;
    if limit.hard_bytes != 0 && pending >= limit.hard_bytes {
        return Verdict::Over;
    }
    if limit.soft_bytes == 0 || pending < limit.soft_bytes {
        client.soft_limit_since_ms = 0;
        return Verdict::Within;
    }
    if client.soft_limit_since_ms == 0 {
        client.soft_limit_since_ms = now_ms.max(1);
        return Verdict::Within;
    }
    let over_ms = now_ms.saturating_sub(client.soft_limit_since_ms);
    if over_ms > limit.soft_s.saturating_mul(1000) { Verdict::Over } else { Verdict::Within }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::connection::Connection;

    #[test]
    fn hard_at_once_soft_after_its_time() {
        let mut client = Client::new(1, Connection::None, 0);
        let limit = OutputLimit { hard_bytes: 100, soft_bytes: 50, soft_s: 2 };
        assert_eq!(judge(&mut client, &limit, 49, 1000), Verdict::Within);
        assert_eq!(judge(&mut client, &limit, 60, 1000), Verdict::Within);
        assert_eq!(judge(&mut client, &limit, 60, 3000), Verdict::Within);
        assert_eq!(judge(&mut client, &limit, 60, 3001), Verdict::Over);
        assert_eq!(judge(&mut client, &limit, 10, 3001), Verdict::Within);
        assert_eq!(judge(&mut client, &limit, 60, 9000), Verdict::Within);
        assert_eq!(judge(&mut client, &limit, 100, 9000), Verdict::Over);
        let none = OutputLimit { hard_bytes: 0, soft_bytes: 0, soft_s: 0 };
        assert_eq!(judge(&mut client, &none, usize::MAX, 9000), Verdict::Within);
    }
}
