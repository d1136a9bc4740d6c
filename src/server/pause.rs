//! CLIENT PAUSE: until when which commands are held back.

/// What is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseScope {
    /// Commands that write, or may.
    Write,
    /// Every command.
    All,
}

/// The pause in force, if any.
#[derive(Default)]
pub struct Pause {
    current: Option<(PauseScope, u64)>,
}

impl Pause {
    /// Begins a pause, or changes the one in force: the wider scope and the later end count.
    pub fn begin(&mut self, scope: PauseScope, until_ms: u64) {
        self.current = Some(match self.current {
            Some((old_scope, old_until)) => (old_scope.max(scope), old_until.max(until_ms)),
            None => (scope, until_ms),
        });
    }

    /// Ends it; `true` if there was one.
    pub fn end(&mut self) -> bool {
        self.current.take().is_some()
    }

    /// Whether its time is up.
    pub fn is_over(&self, now_ms: u64) -> bool {
        self.current.is_some_and(|(_, until)| until <= now_ms)
    }

    /// What is held back now.
    pub fn scope(&self) -> Option<PauseScope> {
        self.current.map(|(scope, _)| scope)
    }

    /// When it ends, in unix ms.
    pub fn until_ms(&self) -> Option<u64> {
        self.current.map(|(_, until)| until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wider_and_the_later_win() {
        let mut pause = Pause::default();
        pause.begin(PauseScope::Write, 100);
        pause.begin(PauseScope::All, 50);
        assert_eq!((pause.scope(), pause.until_ms()), (Some(PauseScope::All), Some(100)));
        assert!(pause.is_over(100) && !pause.is_over(99));
        assert!(pause.end() && !pause.end());
    }
}
