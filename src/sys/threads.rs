pub fn block_signals() {}
