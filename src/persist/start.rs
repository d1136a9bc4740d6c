//! The dataset at the server's start and end.

use crate::persist::aof::State;
use crate::persist::aof::files::Failed;
use crate::persist::child::Purpose;
use crate::server::{Server, loading};

impl Server {
    /// Loads the append only file, if there is one; from here on it is on.
    ///
    /// # Errors
    /// It can't be loaded: the server must not go on, or what is in it would be lost.
    pub fn load_log(&mut self) -> Result<(), loading::Failed> {
        let began_ns = self.clock.tick();
        self.aof.state = State::On;
        if self.load_aof()? {
            let seconds = (self.clock.tick() - began_ns) as f64 / 1e9;
            log::info!("DB loaded from append only file: {seconds:.3} seconds");
        }
        Ok(())
    }

    /// Opens the append only file for writing when everything is loaded, or begins or ends it, if it was switched on or
    /// off meanwhile.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn open_log(&mut self) -> Result<(), Failed> {
        match (self.env.config.appendonly, self.aof.state) {
            (true, State::On) => self.open_aof_at_start(),
            (true, _) => self.switch_aof(true),
            (false, _) => {
                self.aof.state = State::Off;
                self.update_propagation();
                Ok(())
            }
        }
    }

    /// Throws the dataset away and loads the append only file anew (tests).
    ///
    /// # Errors
    /// It can't be loaded; what there is, is what was loaded so far.
    pub fn reload_aof(&mut self) -> Result<(), loading::Failed> {
        if self.aof.state == State::On {
            self.flush_aof(true);
        }
        for index in 0..self.dbs.len() {
            self.empty_database(index, false);
        }
        self.scripts.flush_libraries();
        if self.aof.state == State::On {
            self.read_aof_manifest().map_err(|_| loading::Failed::Damaged)?;
        }
        let offset = self.stream.offset;
        let loaded = self.load_aof();
        self.stream.offset = offset;
        self.env.fx.dirty = 0;
        loaded.map(|_| ())
    }

    /// Sees to it that the append only file holds everything, before the server may end.
    ///
    /// # Errors
    /// Its first base is being written, and nothing forces the end.
    pub fn prepare_aof_for_end(&mut self, force: bool) -> Result<(), Failed> {
        if self.aof.state == State::Off {
            return Ok(());
        }
        if self.has_child_for(Purpose::AofRewrite) {
            if self.aof.state == State::WaitRewrite {
                if !force {
                    log::warn!("Writing initial AOF, can't exit.");
                    return Err(Failed);
                }
                log::warn!("Writing initial AOF. Exit anyway.");
            }
            log::warn!("There is a child rewriting the AOF. Killing it!");
            self.stop_aof_rewrite();
        }
        log::info!("Calling fsync() on the AOF file.");
        self.finish_aof();
        Ok(())
    }

    /// Closes the append only file for good.
    pub fn end_aof(&mut self) {
        if self.aof.state == State::On {
            self.finish_aof();
            self.note_aof_end();
        }
    }
}
