//! The server, lent to script callbacks.
//!
//! A script's natives are called by the interpreter, which knows nothing of the server. For the length of a run the command's handler
//! lends it, by the one global pointer there is (one a thread, so that tests may run side by side); a native that needs it borrows it
//! with [`with`]. While one has it nobody else can: the pointer is taken out, and a second [`with`] inside finds nothing.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;

use crate::server::Server;

thread_local! {
    static LENT: Cell<*mut Server> = const { Cell::new(ptr::null_mut()) };
}

/// Puts a pointer back where it was, however the scope is left.
struct PutBack(*mut Server);

impl Drop for PutBack {
    fn drop(&mut self) {
        LENT.set(self.0);
    }
}

/// Runs `body` with the server lent to whatever natives it calls.
pub fn lend<R>(server: &mut Server, body: impl FnOnce() -> R) -> R {
    let _before = PutBack(LENT.replace(ptr::from_mut(server)));
    body()
}

/// Borrows the server that is lent, if it is and nobody has it.
#[inline]
pub fn with<R>(body: impl FnOnce(&mut Server) -> R) -> Option<R> {
    let server = LENT.replace(ptr::null_mut());
    let _back = PutBack(server);
    // SAFETY: the pointer comes from the `&mut Server` that `lend` holds, unused by it, until its body returns; it was put there by
    // this thread. Having been taken out, it is nobody else's until `_back` puts it back, which is after the borrow ends.
    unsafe { server.as_mut() }.map(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::Session;

    #[test]
    fn one_has_it_at_a_time_and_only_while_it_is_lent() {
        let mut session = Session::new();
        assert!(with(|_| ()).is_none());
        let seen = lend(&mut session.server, || {
            let first = with(|server| (server.dbs.len(), with(|_| ()).is_none()));
            let again = with(|server| lend(server, || with(|inner| inner.dbs.len())));
            (first, again.flatten())
        });
        assert_eq!(seen, (Some((16, true)), Some(16)));
        assert!(with(|_| ()).is_none());
    }

    #[test]
    fn a_panic_gives_it_back() {
        let mut session = Session::new();
        lend(&mut session.server, || {
            let panicked = std::panic::catch_unwind(|| with(|_| panic!("as the test wants")));
            assert!(panicked.is_err());
            assert!(with(|_| ()).is_some());
        });
        assert!(with(|_| ()).is_none());
    }
}
